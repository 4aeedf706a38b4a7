"""What grows with the table of tweets. `python -m tests.bench.growth 0.5 1 2.5 5` (millions of them) prints a table."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import get_args
from uuid import uuid4

from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from viral_common.database.engine import Sessions, connect, migrate
from viral_common.settings import CommonSettings
from viral_common.stores.authors import find_authors
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import Split
from viral_common.tweets.tweet import RawTweet
from viral_gateway.stores.read_session import open_read_session
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.copy_row import PreparedTweets, prepare

from tests.bench.crowded import BUSIEST, END, PER_BATCH, SOURCE, START, fill, newest_batch
from tests.bench.figures import Figure
from tests.conftest import own_database
from tests.servers import Servers, started_servers

ROWS = 5_000_000
MOST_LOOK_UP_MS = 2.0
MOST_READ_S = 2.0
LOOK_UPS, ROUNDS = 2_000, 3
AT_ONCE = 5_000
DAY = timedelta(days=1)
PROFILE = AuthorProfile(100_000, 200, 30_000, 4_000, 5, False, START)


@dataclass(frozen=True)
class Growth:
    """At one size of the table."""

    rows: int
    look_up_p50_ms: float
    look_up_p99_ms: float
    busiest_ms: float
    """The author who wrote every fiftieth tweet."""
    read_s: float
    store_s: float
    update_s: float
    gigabytes: float


def measure(servers: Servers) -> list[Figure]:
    """Both figures that have a target."""
    with own_database(servers, "template1") as url:
        grown = _growth(url, [ROWS])[0]
    millions = ROWS // 1_000_000
    return [
        _at_most(
            f"author look-up at {millions} million rows, p99", grown.look_up_p99_ms, "ms", MOST_LOOK_UP_MS
        ),
        _at_most(f"reading a batch of 50,000 at {millions} million rows", grown.read_s, "s", MOST_READ_S),
    ]


def _at_most(name: str, value: float, unit: str, most: float) -> Figure:
    return Figure(name, value, unit, None, None, f"≤ {most:g} {unit}", value <= most, less_is_better=True)


def _growth(database_url: str, sizes: Sequence[int]) -> list[Growth]:
    """Fill the database to each size in turn."""
    settings = {"database_url": database_url, "rabbitmq_url": "amqp://nobody:none@127.0.0.1/"}
    engine = connect(CommonSettings.model_validate(settings), "bench")
    migrate(engine)
    growths = [_grown(fill(engine, rows), rows) for rows in sizes]
    engine.dispose()
    return growths


def _grown(db: Sessions, rows: int) -> Growth:
    names = _some_authors(db)
    # Of some rounds the fastest: on a shared machine the others measure the neighbours.
    rounds = [quantiles((_look_up_s(db, name) for name in names), n=100) for _ in range(ROUNDS)]
    return Growth(
        rows,
        look_up_p50_ms=1_000 * min(one[49] for one in rounds),
        look_up_p99_ms=1_000 * min(one[98] for one in rounds),
        busiest_ms=1_000 * min(_look_up_s(db, BUSIEST) for _ in range(5)),
        read_s=min(_read_s(db, rows) for _ in range(ROUNDS)),
        gigabytes=_bytes(db) / 1e9,
        **_store_s(db),
    )


def _some_authors(db: Sessions) -> list[str]:
    """Drawn evenly among all who wrote anything."""
    with db() as session:
        drawn = text("SELECT DISTINCT username FROM tweets WHERE hashtext(username) % 100 = 0")
        names = sorted(session.scalars(drawn))
    return random.Random(1).sample(names, LOOK_UPS)


def _look_up_s(db: Sessions, username: str) -> float:
    """As a gateway asks for one author, within its transaction."""
    with open_read_session(db) as session:
        started = time.perf_counter()
        (known,) = find_authors(session, SOURCE, [(username, END)], LabelRule(0, DAY))
        seconds = time.perf_counter() - started
    assert known.history.tweets
    return seconds


def _read_s(db: Sessions, rows: int) -> float:
    """All splits of a batch, each tweet with its author's history."""
    batch = newest_batch(db, rows)
    started = time.perf_counter()
    by_split = TweetStore(db).read_labelled_by_split([batch], get_args(Split), LabelRule(0, DAY))
    seconds = time.perf_counter() - started
    assert sum(map(len, by_split.values())) == PER_BATCH
    return seconds


def _store_s(db: Sessions) -> dict[str, float]:
    """A batch of tweets that are new, then once more with other counts."""
    seconds = []
    window = (END, END + DAY)
    for likes, query in ((0, "new"), (1, "again")):
        store = BatchStore(db, SOURCE, query)
        batch = store.plan(uuid4(), window, PER_BATCH, [window] * (PER_BATCH // AT_ONCE))
        pieces = list(_pieces(likes))
        started = time.perf_counter()
        for position, piece in enumerate(pieces):
            store.store({position: piece}, batch.id, PER_BATCH)
        seconds.append(time.perf_counter() - started)
    return dict(zip(("store_s", "update_s"), seconds, strict=True))


def _pieces(likes: int) -> Iterator[PreparedTweets]:
    for start in range(0, PER_BATCH, AT_ONCE):
        yield prepare(_tweet(number, likes) for number in range(start, start + AT_ONCE))


def _tweet(number: int, likes: int) -> RawTweet:
    at = END + number * DAY / PER_BATCH
    author = 100 + number * 7919 % 3_000_000
    words = f"{number} is a number of its own " * 6
    counts = (likes, 0, 0, 0, False, False, False, False)
    return RawTweet(
        str(10**18 + number),
        at,
        str(10**9 + author),
        f"user{author}",
        words,
        "en",
        *counts,
        at + DAY,
        PROFILE,
    )


def _bytes(db: Sessions) -> int:
    months = "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'tweets'::regclass"
    size = text(f"SELECT CAST(sum(pg_total_relation_size(inhrelid)) AS bigint) FROM ({months}) AS months")
    with db() as session:
        return int(session.scalars(size).one())


def _table(growths: Sequence[Growth]) -> Table:
    table = Table(
        "rows", "look-up p50", "p99", "busiest author", "read 50,000", "store 50,000", "update", "GB"
    )
    for one in growths:
        table.add_row(
            f"{one.rows:,}",
            f"{one.look_up_p50_ms:.2f} ms",
            f"{one.look_up_p99_ms:.2f} ms",
            f"{one.busiest_ms:.1f} ms",
            f"{one.read_s:.2f} s",
            f"{one.store_s:.1f} s",
            f"{one.update_s:.1f} s",
            f"{one.gigabytes:.2f}",
        )
    return table


def main(millions: Sequence[float]) -> None:
    """In a database of its own."""
    sizes = [round(1_000_000 * one) for one in millions]
    with TemporaryDirectory() as folder, started_servers(Path(folder) / "servers") as servers:
        Console().print(_table(_growth(servers.database_url, sizes)))


if __name__ == "__main__":
    main([float(one) for one in sys.argv[1:]] or [ROWS / 1_000_000])
