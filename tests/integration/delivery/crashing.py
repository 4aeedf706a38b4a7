"""A trainer that kills itself with SIGKILL at one boundary of delivery: `python -m … BOUNDARY [HANDLED_FILE]`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from viral_common.bus.consumer import Consumer
from viral_common.bus.publisher import Publisher
from viral_common.delivery import inbox, outbox, service, worker
from viral_common.events import BatchCollected, Event
from viral_common.logging import configure_logging
from viral_common.settings import CommonSettings, load_settings

from tests.integration.delivery.example_events import make_model_trained

# Where the process dies: (owner, function, before or after it).
BOUNDARIES: dict[str, tuple[Any, str, str]] = {
    "before the event is recorded": (inbox, "record", "before"),
    "recorded, not acknowledged": (service.Service, "_take_over", "after"),
    "acknowledged": (Consumer, "_deliver", "after"),
    "claimed": (worker.Worker, "_work", "before"),
    "handled, nothing settled": (worker.Worker, "_finish", "before"),
    "settled, not published": (worker.Worker, "_finish", "after"),
    "about to publish": (Publisher, "publish", "before"),
    "published, not stamped": (Publisher, "publish", "after"),
    "stamped": (outbox.Relay, "_publish_next", "after"),
}


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(owner: Any, name: str, when: str) -> None:
    """Make the process die the first time it passes `name`; for a poll, the first time it found something."""
    original: Callable[..., Any] = getattr(owner, name)

    def armed(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            die()
        result = original(*args, **kwargs)
        if result is not False:
            die()
        return result

    setattr(owner, name, armed)


def main() -> None:
    boundary, handled = sys.argv[1], Path(sys.argv[2])
    settings = load_settings(CommonSettings)
    configure_logging("trainer", settings)

    def handle(event: BatchCollected) -> list[Event]:
        with handled.open("a") as file:
            file.write(f"{event.id}\n")
        if boundary == "inside the handler":
            die()
        return [make_model_trained(event.batch_id)]

    if boundary in BOUNDARIES:
        arm(*BOUNDARIES[boundary])
    with service.Service("trainer", settings) as trainer:
        trainer.handle(BatchCollected, handle)
        trainer.run()


if __name__ == "__main__":
    main()
