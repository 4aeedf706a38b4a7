"""Backfilling: archives read, filtered and featured by one process and by two, against pandas on the same rows."""

from __future__ import annotations

import gzip
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import msgspec
from viral_common.workers import InProcess, Workers, start_workers
from viral_scraper.sources.archive.source import ArchiveSource

from tests.bench.figures import Figure
from tests.bench.tweets import ARCHIVE

TIMES_PANDAS, TIMES_ONE = 3.0, 1.7
COPIES = 4
REPEATS = 2
IDS = ("id", "conversation_id")
LINKS = r"(?:https?://|pic\.twitter\.com/|www\.)\S+"
MENTIONS = r"(?<![\w@/])@\w{1,15}(?!\w)"
PAID = r"#(?:ad|advert|advertisement|sponsored|sponsoredpost|paidpartnership)\b"


def measure(scratch: Path) -> list[Figure]:
    """Rows of files a second until they lie ready to store, in order of time; none without a real archive."""
    if not ARCHIVE.exists():
        return []
    files, rows = _write_files(scratch / "backfill")
    pandas = rows / _time(lambda: [read_with_pandas(file) for file in files])
    one = rows / _time(lambda: _read(files, scratch / "one", InProcess()))
    with start_workers(2) as workers:
        list(workers.map(time.sleep, [0.5, 0.5]))  # both are there: half a second, once
        _read(files[:2], scratch / "two", workers)  # and have imported what they need
        two = rows / _time(lambda: _read(files, scratch / "two", workers))
    return [
        Figure(
            "archives read, filtered and featured, one process",
            one,
            "rows/s",
            "pandas: read_json, the same filters and features, to_csv",
            pandas,
            f"≥ {TIMES_PANDAS:g}×",
            one >= TIMES_PANDAS * pandas,
        ),
        Figure(
            "archives read, filtered and featured, two processes",
            two,
            "rows/s",
            "one process",
            one,
            f"≥ {TIMES_ONE:g}×",
            two >= TIMES_ONE * one,
        ),
    ]


def _write_files(folder: Path) -> tuple[list[Path], int]:
    """Write the archive some times over, each time with other ids, a file each; return how many rows."""
    folder.mkdir()
    rows = [msgspec.json.decode(line) for line in gzip.decompress(ARCHIVE.read_bytes()).splitlines()]
    files = [folder / f"{number}.jsonl.gz" for number in range(COPIES)]
    for number, file in enumerate(files):
        copies = ({**row, **{name: int(row[name]) + number for name in IDS}} for row in rows)
        file.write_bytes(gzip.compress(b"".join(msgspec.json.encode(row) + b"\n" for row in copies), 1))
    return files, COPIES * len(rows)


def _time(work: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _read(files: list[Path], folder: Path, workers: Workers) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    source = ArchiveSource([str(file) for file in files], "", folder, lambda *_: None, workers)
    assert source.find_next_window(None, 1) is not None


def read_with_pandas(file: Path) -> str:
    """Read as a user would: the filters and the nine features, but no hashes, splits or order; write rows to COPY."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = pd.read_json(file, lines=True, dtype={"id": "int64", "conversation_id": "int64"})
    typed = rows.tweet.str
    answers = (rows.conversation_id != rows.id) | (typed.startswith("@") & (rows.reply_to.str.len() > 0))
    paid = typed.contains(PAID, case=False)
    rows = rows[
        (rows.language == "en")
        & ~answers
        & ~rows.retweet.fillna(False).astype(bool)
        & ~typed.startswith("RT @")
        & ~paid
    ]
    rows = rows.assign(posted_at=pd.to_datetime(rows.id // 2**22 + 1_288_834_974_657, unit="ms", utc=True))
    masked = rows.tweet.str.replace(LINKS, "http", regex=True).str.replace(MENTIONS, "@user", regex=True)
    masked = masked.str.lower().str.split().str.join(" ")
    rows = rows[(masked != "http") & (masked != "") & ~masked.duplicated()]
    bare = rows.tweet.str.replace(LINKS, " ", regex=True).str
    photos = rows.photos.str.len()
    table = pd.DataFrame(
        {
            "external_id": rows.id,
            "posted_at": rows.posted_at,
            "author_id": rows.user_id,
            "username": rows.username,
            "text": rows.tweet,
            "language": rows.language,
            "like_count": rows.likes_count,
            "retweet_count": rows.retweets_count,
            "reply_count": rows.replies_count,
            "photos_count": photos,
            "has_video": (rows.video == 1) & (photos == 0),
            "is_quote": rows.quote_url.fillna("") != "",
            "hashtags_count": bare.count(r"(?<![\w&/])[#＃]\w*[^\W\d_]\w*"),
            "mentions_count": bare.count(MENTIONS),
            "word_count": bare.split().str.len(),
            "urls_count": rows.tweet.str.count(LINKS),
            "created_at_dayofweek": rows.posted_at.dt.dayofweek,
            "created_at_hour": rows.posted_at.dt.hour,
        }
    )
    text: str = table.to_csv(index=False, header=False)
    return text
