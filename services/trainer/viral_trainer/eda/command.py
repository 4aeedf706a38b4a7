"""Run `viral-trainer eda`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from viral_common.database.engine import connect, make_sessions, require_schema
from viral_common.errors import UsageError
from viral_common.logging import configure_logging
from viral_common.settings import load_settings
from viral_common.stores.tweets import TweetStore

from viral_trainer.eda.facts import compute_facts
from viral_trainer.eda.page import render_page
from viral_trainer.eda.sources import ReportTweets, find_batch, read_batches, read_file
from viral_trainer.settings import OfflineSettings, TrainerSettings


@dataclass(frozen=True)
class Wish:
    """Hold the options of the command line; None means the newest batch or the settings' value."""

    out: Path
    batch: str | None
    window: int | None
    tweets: Path | None
    threshold: int | None


def run(wish: Wish) -> None:
    """Describe the batches or the file asked for; write the page; say where it is."""
    _check_file(wish.out)
    described = _from_file(wish, wish.tweets) if wish.tweets else _from_store(wish)
    html = render_page(described, compute_facts(described))
    try:
        wish.out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {wish.out}: {error.strerror or error}") from error
    Console(highlight=False, soft_wrap=True).print(
        f"{len(described.columns):,} tweets of {described.query} described in {wish.out}", markup=False
    )


def _from_file(wish: Wish, tweets: Path) -> ReportTweets:
    if wish.batch is not None or wish.window is not None:
        raise UsageError("--tweets describes a file alone; leave out --batch and --window")
    return read_file(tweets, _load_settings(OfflineSettings, wish))


def _from_store(wish: Wish) -> ReportTweets:
    settings = _load_settings(TrainerSettings, wish)
    db = make_sessions(connect(settings, "viral-trainer eda"))
    require_schema(db)
    tweets = TweetStore(db)
    return read_batches(tweets, find_batch(tweets, wish.batch), wish.window or 1, settings)


def _load_settings(kind: type[TrainerSettings], wish: Wish) -> TrainerSettings:
    settings = load_settings(kind)
    configure_logging("trainer", settings.model_copy(update={"log_level": "error"}))
    if wish.threshold is None:
        return settings
    return settings.model_copy(update={"likes_threshold": wish.threshold})


def _check_file(path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder; name a file in it")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {path}: {folder} is no folder to write in; make it first")
