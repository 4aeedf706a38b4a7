"""Run `viral-trainer eda`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from viral_common.database.engine import connect, make_sessions, require_schema
from viral_common.errors import UsageError
from viral_common.stores.tweets import TweetStore

from viral_trainer.command_options import check_writable, load_command_settings
from viral_trainer.eda.page import render_page
from viral_trainer.eda.sources import ReportTweets, find_batch, read_batches, read_file
from viral_trainer.eda.topics.drift import compare_with_before
from viral_trainer.settings import OfflineSettings, TrainerSettings


@dataclass(frozen=True)
class EdaOptions:
    """Hold the options of the command line; None means the newest batch or the settings' value."""

    out: Path
    batch: str | None
    window: int | None
    tweets: Path | None
    threshold: int | None


def run(options: EdaOptions) -> None:
    """Describe the batches or the file asked for; write the page; say where it is."""
    check_writable(options.out)
    described = _read_file(options, options.tweets) if options.tweets else _read_store(options)
    html = render_page(described, compare_with_before(described))
    try:
        options.out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {options.out}: {error.strerror or error}") from error
    Console(highlight=False, soft_wrap=True).print(
        f"{len(described.columns):,} tweets of {described.query} described in {options.out}", markup=False
    )


def _read_file(options: EdaOptions, tweets: Path) -> ReportTweets:
    if options.batch is not None or options.window is not None:
        raise UsageError("--tweets describes a file alone; leave out --batch and --window")
    return read_file(tweets, load_command_settings(OfflineSettings, likes_threshold=options.threshold))


def _read_store(options: EdaOptions) -> ReportTweets:
    settings = load_command_settings(TrainerSettings, likes_threshold=options.threshold)
    db = make_sessions(connect(settings, "viral-trainer eda"))
    require_schema(db)
    tweets = TweetStore(db)
    return read_batches(tweets, find_batch(tweets, options.batch), options.window or 1, settings)
