"""A trainer whose handler notes its start in FOLDER/started and ends once FOLDER/go is there: `python -m … FOLDER`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from viral_common.delivery.service import Service
from viral_common.events import BatchCollected, Event
from viral_common.logging import configure_logging
from viral_common.settings import CommonSettings, load_settings

from tests.integration.delivery.example_events import make_model_trained


def main() -> None:
    folder = Path(sys.argv[1])
    settings = load_settings(CommonSettings)
    configure_logging("trainer", settings)

    def handle(event: BatchCollected) -> list[Event]:
        with (folder / "started").open("a") as file:
            file.write(f"{event.id}\n")
        while not (folder / "go").exists():
            time.sleep(0.1)
        return [make_model_trained(event.batch_id)]

    with Service("trainer", settings) as trainer:
        trainer.handle(BatchCollected, handle)
        trainer.run()


if __name__ == "__main__":
    main()
