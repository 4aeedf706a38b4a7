"""Collect tweets from files."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError
from viral_common.tweets.tweet import RawTweet
from viral_common.workers import InProcess, Workers

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.archive.shards import Shards, open_shards
from viral_scraper.sources.base import DAY, Window
from viral_scraper.stores.copy_row import PreparedTweets

_SUFFIXES = re.compile(r"\.(jsonl?|ndjson|csv|tsv|txt|parquet|gz|zst)\b", re.IGNORECASE)


class ArchiveSource:
    """Read files, globs and folders as one archive: once into shards, and from there interval by interval."""

    name = "archive"

    def __init__(
        self,
        paths: str | Sequence[str],
        query: str,
        folder: Path,
        report: ReportProgress,
        workers: Workers = InProcess(),
    ) -> None:
        self._paths = _split(paths) if isinstance(paths, str) else paths
        self._asked = ",".join(self._paths)
        self.query = query or ", ".join(_SUFFIXES.sub("", Path(path).name) or path for path in self._paths)
        self._folder = folder
        self._report = report
        self._workers = workers
        self._shards: Shards | None = None

    @classmethod
    def from_settings(cls, settings: ScraperSettings, report: ReportProgress, _sessions: Sessions, /) -> Self:
        return cls(settings.archive_paths, settings.query, settings.data_dir / "scraper" / "archive", report)

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        """Read the originals of that time; `query` only names what was once searched for."""
        return itertools.islice(self._ensure_open().read_tweets(since, until), limit)

    def read_prepared(self, since: datetime, until: datetime, most: int, /) -> PreparedTweets:
        """Read the same, filtered and encoded when the archive was read."""
        return self._ensure_open().read_prepared(since, until, most)

    def find_next_window(self, after: datetime | None, size: int) -> Window | None:
        """Find the days from `after` on that hold `size` different texts; files that changed are read again."""
        shards = self._open()
        days = [day for day in shards.days if after is None or day >= after]
        texts: set[int] = set()
        for day in days:
            found = np.unique(shards.read_texts(day))
            if len(found) < size:  # else a set of them all would only cost memory
                texts.update(found.tolist())
            if len(found) >= size or len(texts) >= size:
                return Window(days[0], day + DAY)
        return Window(days[0], days[-1] + DAY) if days else None

    @property
    def bad_rows(self) -> Mapping[str, int]:
        """Rows of the files that could not be used, by reason."""
        return self._shards.bad_rows if self._shards else {}

    @property
    def bad_places(self) -> Mapping[str, list[str]]:
        """Where the first of them are, by reason: `file:line`."""
        return self._shards.bad_places if self._shards else {}

    def _ensure_open(self) -> Shards:
        return self._shards or self._open()

    def _open(self) -> Shards:
        try:
            shards = open_shards(
                _find_files(self._paths), self._asked, self._folder, self._report, self._workers
            )
        except OSError as error:
            where = error.filename or self._folder
            raise UsageError(f"cannot prepare the archive: {error.strerror or error} ({where})") from error
        if self._shards:
            self._shards.close()
        self._shards = shards
        return shards


def _split(paths: str) -> list[str]:
    """Split at commas or the system's path separator; a single path may hold any character."""
    if os.path.exists(paths):  # noqa: PTH110  (False, not an error, for a list longer than a path may be)
        return [paths]
    return [path.strip() for path in re.split(f"[,{os.pathsep}]", paths) if path.strip()]


def _find_files(paths: Sequence[str]) -> list[Path]:
    """Find the files meant. Raises UsageError for a path that leads to none."""
    if not paths:
        raise UsageError("VIRAL_ARCHIVE_PATHS is empty; set it to files of tweets, globs or folders")
    files: dict[Path, None] = {}
    for path in paths:
        found = _find_files_at(path)
        if not found:
            raise UsageError(f"no file at {path}; check VIRAL_ARCHIVE_PATHS")
        files |= dict.fromkeys(found)
    return list(files)


def _find_files_at(path: str) -> list[Path]:
    place = Path(path).expanduser()
    if place.is_dir():
        return sorted(file for file in place.rglob("*") if file.is_file() and _SUFFIXES.search(file.name))
    if place.exists():
        return [place.resolve()]
    # pathlib's globs cannot start from an absolute pattern.
    found = map(Path, glob.glob(str(place), recursive=True))  # noqa: PTH207
    return sorted(file.resolve() for file in found if file.is_file())
