"""Let RabbitMQ believe that its memory is used up, so that it takes nothing more from publishers."""

from __future__ import annotations

import json
import time

from tests.chaos.faults.processes import Heal
from tests.chaos.pipeline import NothingThere, Pipeline
from tests.chaos.schedule import Fault

LONGEST_S = 60.0
CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"


def alarm(pipeline: Pipeline, fault: Fault) -> Heal:
    """Move the mark below what it uses, and back."""

    def heal() -> None:
        deadline = time.monotonic() + LONGEST_S
        # A node that was killed or frozen meanwhile is waited for; one that starts anew has the old mark.
        while said := _set_mark(pipeline, "0.6"):
            if time.monotonic() > deadline:
                raise TimeoutError(said)
            time.sleep(1)

    if said := _set_mark(pipeline, "absolute", "1MB"):
        heal()
        raise NothingThere(said)
    return heal


def _set_mark(pipeline: Pipeline, *mark: str) -> str:
    """Set it; return what went wrong, if anything did."""
    program = json.loads((pipeline.servers.stack_file.parent / "programs" / "rabbitmq.json").read_text())
    done = pipeline.get_host("servers").run(
        [CONTROL, "-n", program["env"]["RABBITMQ_NODENAME"], "set_vm_memory_high_watermark", *mark],
        env=program["env"],
        user=program["user"],
        cwd=program["cwd"],
        check=False,
    )
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip() or "rabbitmqctl failed"
