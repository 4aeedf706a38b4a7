"""`viral-trainer eda`, as a person types it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from typer.testing import Result
from viral_common.database.tables import Batch
from viral_common.errors import UsageError
from viral_common.stores.tweets import TweetStore
from viral_trainer.eda.sources import find_batch, read_batches, read_file
from viral_trainer.settings import OfflineSettings

from tests.factories import make_columns

Type = Callable[..., Result]


@pytest.fixture
def typed(type_words: Type) -> Type:
    return partial(type_words, "eda")


def test_a_file_becomes_a_page_without_any_server(typed: Type, tweets: Path) -> None:
    outcome = typed("--tweets", tweets, "--out", "page.html", "--threshold", 1)

    assert outcome.exit_code == 0, outcome.output
    assert "400 tweets of tweets.jsonl.gz described in page.html" in outcome.output
    page = Path("page.html").read_text(encoding="utf-8")
    assert "of the 400 tweets have more than 1 like" in page
    assert "Part by part" in page


def test_the_last_fifth_of_a_file_is_compared_with_what_came_before(tweets: Path) -> None:
    described = read_file(tweets, OfflineSettings())

    assert described.before
    assert (len(described.before), len(described.newest)) == (320, 80)
    assert described.before.posted_at.max() <= described.newest.posted_at.min()
    assert described.left_out == {"language": 20, "duplicate": 10, "unreadable": 1}
    assert [piece.name for piece in described.pieces] == ["first 80%", "last 20%"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tweets", "missing.gz"), "cannot read missing.gz"),
        (("--tweets", "tweets.jsonl.gz", "--batch", "7e"), "leave out --batch and --window"),
        (("--out", "nowhere/page.html"), "is no folder to write in"),
        (("--out", "."), "it is a folder"),
        ((), "VIRAL_DATABASE_URL"),
    ],
)
def test_mistakes_are_one_line(typed: Type, tweets: Path, words: tuple[str, ...], message: str) -> None:
    outcome = typed(*words)

    assert outcome.exit_code == 2
    assert message in outcome.output
    assert outcome.output.count("\n") == 1


class FakeStore:
    """A store of these batches, whose tweets have no labels."""

    def __init__(self, *batches: Batch) -> None:
        self.batches = batches

    def find_newest_batch(self) -> Batch | None:
        return None

    def find_batches(self, start: str) -> list[Batch]:
        return [batch for batch in self.batches if str(batch.id).startswith(start)][:2]

    def find_window(self, batch: Batch, size: int) -> list[Batch]:
        return [one for one in self.batches if one.tweet_count]

    def read_columns(self, *_: object) -> object:
        return make_columns([])


def make_batch(number: str, *, tweets: int = 9, collected: bool = True) -> Batch:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return Batch(
        id=number,
        source="archive",
        window_from=start,
        window_to=start + timedelta(days=1),
        tweet_count=tweets,
        collected_at=start if collected else None,
    )


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (None, "no batch has been collected yet"),
        ("9", "no batch id begins with '9'"),
        ("1", "several batch ids begin with '1'"),
        ("2", "is still being collected"),
        ("3", "has no tweets"),
        ("11", "no tweet of batch 11 has a label yet"),
    ],
)
def test_what_cannot_be_described_is_named_with_what_to_do(start: str | None, message: str) -> None:
    store = FakeStore(
        make_batch("12"), make_batch("2", collected=False), make_batch("3", tweets=0), make_batch("11")
    )
    tweets = cast(TweetStore, store)

    with pytest.raises(UsageError, match=message):
        read_batches(tweets, find_batch(tweets, start), 1, OfflineSettings())
