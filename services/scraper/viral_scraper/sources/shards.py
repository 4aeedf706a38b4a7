"""An archive kept by UTC day on disk, so that any interval is read without the rest of the archive.

`YYYY-MM-DD.jsonl` holds a day's tweets as JSON arrays that begin with the time, in (time, id) order.
`YYYY-MM-DD.copies` holds the copy hashes of those worth keeping, 8 bytes each, to count a window's originals.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import structlog
from viral_common.archive import BadRows, read_tweets
from viral_common.archive.bad_rows import summary
from viral_common.errors import UsageError
from viral_common.filters import reason_against
from viral_common.text import copy_hash
from viral_common.tweets import RawTweet

from viral_scraper.progress import Tell

log = structlog.get_logger()

FORMAT = 1  # counted up when the shards' format or the parsing changes, so that old shards are not used
FLUSH_EVERY = 50_000  # tweets held in memory while sharding


class Shards:
    """The days of one archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        index = json.loads((folder / "index.json").read_text())
        self.days: list[datetime] = [
            datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) for day in index["days"]
        ]
        self.bad_rows: dict[str, int] = index["bad_rows"]
        self._cached: tuple[datetime, list[bytes]] | None = None

    def copies(self, day: datetime) -> array[int]:
        """The copy hash of each tweet of that day that passes the filters."""
        hashes: array[int] = array("q")
        hashes.frombytes((self._folder / f"{day:%Y-%m-%d}.copies").read_bytes())
        return hashes

    def tweets(self, day: datetime, since: datetime, until: datetime) -> Iterator[RawTweet]:
        """Those of that day posted in [since, until), in (time, id) order."""
        lines = self._lines(day)
        first, end = (bisect_left(lines, b"[%d" % _milliseconds(moment)) for moment in (since, until))
        for line in lines[first:end]:
            milliseconds, *fields = orjson.loads(line)
            yield RawTweet(fields[0], datetime.fromtimestamp(milliseconds / 1000, UTC), *fields[1:])

    def _lines(self, day: datetime) -> list[bytes]:
        # Intervals of one day often follow each other when its window is that day.
        if self._cached is None or self._cached[0] != day:
            self._cached = day, (self._folder / f"{day:%Y-%m-%d}.jsonl").read_bytes().splitlines()
        return self._cached[1]


def open_shards(files: Sequence[Path], folder: Path, tell: Tell) -> Shards:
    """The shards of these files, made first if they are not there. Raises UsageError if nothing is usable."""
    digest = _digest(files)
    finished = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            unfinished = folder / f"{digest}.partial"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            _make(files, unfinished, tell)
            unfinished.rename(finished)
    shards = Shards(finished)
    if not shards.days:
        names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
        raise UsageError(
            f"no usable tweet in {names}: {summary(shards.bad_rows)}; give Twint JSON lines or CSV"
        )
    return shards


def _make(files: Sequence[Path], folder: Path, tell: Tell) -> None:
    bad = BadRows()
    waiting: dict[str, list[RawTweet]] = defaultdict(list)
    count = 0
    for file in files:
        for tweet in read_tweets(file, bad):
            waiting[f"{tweet.posted_at:%Y-%m-%d}"].append(tweet)
            count += 1
            if count % FLUSH_EVERY == 0:
                _flush(waiting, folder)
                tell("reading the archive", count, None)
    _flush(waiting, folder)
    days = sorted(path.stem for path in folder.glob("*.jsonl"))
    for day in days:
        _sort(folder / f"{day}.jsonl")
    (folder / "index.json").write_text(json.dumps({"days": days, "tweets": count, "bad_rows": bad.by_reason}))
    tell("reading the archive", count, count)
    if bad.by_reason:
        log.warning("rows left out", total=bad.by_reason.total(), by_reason=dict(bad.by_reason))


def _flush(waiting: dict[str, list[RawTweet]], folder: Path) -> None:
    for day, tweets in waiting.items():
        with (folder / f"{day}.jsonl").open("ab") as file:
            file.writelines(map(_line, tweets))
        with (folder / f"{day}.copies").open("ab") as file:
            array("q", [copy_hash(tweet.text) for tweet in tweets if not reason_against(tweet)]).tofile(file)
    waiting.clear()


def _line(tweet: RawTweet) -> bytes:
    fields = (
        _milliseconds(tweet.posted_at),
        tweet.external_id,
        tweet.author_id,
        tweet.username,
        tweet.text,
        tweet.language,
        tweet.like_count,
        tweet.retweet_count,
        tweet.reply_count,
        tweet.photos_count,
        tweet.has_video,
        tweet.is_quote,
        tweet.is_reply,
        tweet.is_retweet,
    )
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _sort(file: Path) -> None:
    """All times have 13 digits, from 2001 to 2286, so the order of the bytes is that of (time, id)."""
    file.write_bytes(b"".join(sorted(file.read_bytes().splitlines(keepends=True))))


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _digest(files: Sequence[Path]) -> str:
    """Changes with the files' paths, sizes and times."""
    stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((FORMAT, stamps)).encode()).hexdigest()[:16]
