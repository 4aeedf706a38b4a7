"""Delete tweets on request and never store them again (`viral-scraper forget`)."""

from __future__ import annotations

from rich.console import Console
from viral_common.database.engine import require_schema
from viral_common.errors import UsageError

from viral_scraper.sources.base import SOURCES
from viral_scraper.stores.forgotten import EVERY_SOURCE, Forgetter

# What can be named, as the command's options are called.
KINDS = {
    "author": Forgetter.forget_author,
    "author-id": Forgetter.forget_author_id,
    "tweet": Forgetter.forget_tweet,
}


def forget(forgetter: Forgetter, named: dict[str, str], source: str, console: Console) -> None:
    """Delete what is named, one of KINDS, and say what went. Raises UsageError for anything else."""
    require_schema(forgetter.sessions)
    if len(named) != 1:
        raise UsageError("name one: --author NAME, --author-id ID or --tweet ID")
    if source not in (EVERY_SOURCE, *SOURCES):
        raise UsageError(f"there is no source {source}; sources are {', '.join(SOURCES)}")
    ((kind, asked),) = named.items()
    identity = asked.strip().lstrip("@") if kind == "author" else asked.strip()
    if not identity:
        raise UsageError(f"--{kind} is empty")
    deleted = KINDS[kind](forgetter, identity, source)
    _report(console, f"{kind.replace('-', ' ')} {identity}", source, deleted)


def _report(console: Console, whom: str, source: str, deleted: dict[str, int]) -> None:
    for one, count in deleted.items():
        if count:
            console.print(f"{count:,} {'tweet' if count == 1 else 'tweets'} of {one} deleted")
    if not any(deleted.values()):
        console.print("nothing of it was stored")
    console.print(f"{whom} is forgotten: nothing of it is stored again from {source or 'any source'}")
