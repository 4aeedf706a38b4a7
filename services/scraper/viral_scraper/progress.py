"""Show how far long work is: a bar for a person at a terminal, now and then a log line for everyone else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

log = structlog.get_logger()

ReportProgress = Callable[[str, int, int | None], None]
"""Called with what is done, how much of it, and of how much in all: None if unknown."""

LOG_EVERY_S = 2.0


@contextmanager
def show_progress() -> Iterator[ReportProgress]:
    """Draw bars on a terminal; log elsewhere."""
    if not sys.stderr.isatty():
        yield log_progress()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield report


def log_progress() -> ReportProgress:
    """Log each piece of work at most every LOG_EVERY_S, and its end."""
    last: dict[str, float] = {}

    def report(what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done != total and now - last.get(what, 0.0) < LOG_EVERY_S:
            return
        last[what] = now
        log.info(what, done=done, **({"of": total} if total is not None else {}))

    return report
