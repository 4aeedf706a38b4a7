"""Tables for people."""

from __future__ import annotations

from rich.console import Console
from viral_local.commands.status import ProgramStatus
from viral_local.commands.tables import make_programs_table


def shown(trouble: str | None, doing: str) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(make_programs_table([ProgramStatus("scraper", "running", 7, 61, 0, trouble, doing)]))
    return capture.get().splitlines()[1].split("0  ", 1)[1].strip()


def test_a_service_that_is_ready_tells_what_it_is_at() -> None:
    assert shown(None, "waits for the run of 05:00 UTC") == "ready: waits for the run of 05:00 UTC"


def test_what_is_missing_is_shown_as_it_was_said() -> None:
    said = "X does not deliver [503]; it is asked again (since 2026-11-24 05:00 UTC, tried 3 times)"

    assert shown(said, "collecting from x (tea)") == said
