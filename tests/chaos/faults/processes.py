"""Kill, restart, freeze: what befalls processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress

import psutil

from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import Fault

Heal = Callable[[], None]


def heal_nothing() -> None:
    """Whoever restarts processes does it."""


def kill(pipeline: Pipeline, fault: Fault) -> Heal:
    """End them with SIGKILL, and nobody else: children are left to themselves."""
    for process in [pipeline.find(target) for target in fault.target.split("+")]:
        process.kill()
    return heal_nothing


def restart(pipeline: Pipeline, fault: Fault) -> Heal:
    """Ask it to end, as an administrator does; Postgres with SIGINT, which does not wait for its clients."""
    number = signal.SIGINT if fault.target == "postgres" else signal.SIGTERM
    pipeline.find(fault.target).send_signal(number)
    return heal_nothing


def stop(pipeline: Pipeline, fault: Fault) -> Heal:
    """Freeze it with all its children, as a host without processor time does."""
    frozen = pipeline.find_tree(fault.target)
    for process in frozen:
        with suppress(psutil.NoSuchProcess):
            process.suspend()

    def heal() -> None:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    return heal
