"""Postgres is asked once a minute for an author, however many ask, and never with tomorrow's knowledge."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from viral_common.errors import ServerAway
from viral_common.tweets.features import AuthorHistory, KnownAuthor
from viral_common.tweets.label_rule import LabelRule
from viral_gateway.prediction.author_cache import REMEMBERED_S, AuthorCache
from viral_gateway.stores.bounded_reads import BoundedReads

from tests.unit.gateway.fakes import NOON

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class Postgres:
    """Know of each author as many tweets as minutes have passed since noon; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, datetime]]] = []
        self.away = False
        self.forgotten: set[str] = set()
        self.answering = threading.Event()
        self.answering.set()

    def find_authors(
        self, source: str, asked: Sequence[tuple[str, datetime]], rule: LabelRule
    ) -> list[KnownAuthor]:
        self.asked.append(list(asked))
        self.answering.wait(5)
        if self.away:
            raise ServerAway("Postgres does not answer")
        return [KnownAuthor(self._history(*one)) for one in asked]

    def _history(self, name: str, at: datetime) -> AuthorHistory:
        return AuthorHistory(tweets=0 if name in self.forgotten else int((at - NOON) / timedelta(minutes=1)))


class CacheHarness:
    """Hold a cache whose clock the test moves."""

    def __init__(self) -> None:
        self.postgres = Postgres()
        self.passed = timedelta()
        self.cache = AuthorCache(
            self.postgres.find_authors,
            BoundedReads("authors", deadline_s=5),
            lambda: NOON + self.passed,
            lambda: self.passed.total_seconds(),
        )

    def ask(self, *asked: tuple[str, datetime], threshold: int = 0) -> list[int]:
        return asyncio.run(self.find(*asked, threshold=threshold))

    async def find(self, *asked: tuple[str, datetime], threshold: int = 0) -> list[int]:
        found = await self.cache.find_authors("archive", asked, LabelRule(threshold, DAY))
        return [one.history.tweets for one in found]

    def ask_now(self, *names: str) -> list[int]:
        return self.ask(*[(name, NOON + self.passed) for name in names])


@pytest.fixture
def harness() -> CacheHarness:
    return CacheHarness()


def test_an_author_asked_for_again_within_the_minute_costs_no_query(harness: CacheHarness) -> None:
    harness.ask_now("ada")
    harness.passed += 40 * SECOND
    harness.ask_now("ada", "ADA", "@ada")

    assert harness.postgres.asked == [[("ada", NOON)]]


def test_nothing_is_older_than_it_may_be(harness: CacheHarness) -> None:
    ages = []
    for _ in range(20):
        (minutes,) = harness.ask_now("ada")
        ages.append(harness.passed.total_seconds() - 60 * minutes)
        harness.passed += 23 * SECOND

    assert all(0 <= age < 60 for age in ages)


def test_an_author_nobody_knows_is_looked_for_again(harness: CacheHarness) -> None:
    yesterday = NOON - DAY
    harness.ask(("grace", yesterday))
    harness.passed += timedelta(seconds=REMEMBERED_S)

    harness.ask(("grace", yesterday))

    assert len(harness.postgres.asked) == 2


def test_what_is_known_of_a_forgotten_author_is_gone_within_the_minute(harness: CacheHarness) -> None:
    at = NOON + DAY
    before = harness.ask(("ada", at))
    harness.postgres.forgotten.add("ada")
    harness.passed += timedelta(seconds=REMEMBERED_S)

    after = harness.ask(("ada", at))

    assert (before, after) == ([24 * 60], [0])


def test_past_and_future_times_are_exact(harness: CacheHarness) -> None:
    times = [NOON + 30 * SECOND + shift for shift in (-DAY, -DAY + SECOND, DAY, DAY + SECOND)]

    harness.ask(*[("ada", at) for at in times])

    assert harness.postgres.asked == [[("ada", at) for at in times]]


def test_a_model_with_another_threshold_gets_its_own_histories(harness: CacheHarness) -> None:
    harness.ask(("ada", NOON))
    harness.ask(("ada", NOON), threshold=10)

    assert len(harness.postgres.asked) == 2


def test_a_large_call_asks_once_for_the_authors_not_known_yet(harness: CacheHarness) -> None:
    harness.ask_now("ada", "bob")
    names = ["ada", "bob", *(f"author{n}" for n in range(127)), *(f"author{n}" for n in range(127))]

    answered = harness.ask_now(*names)

    assert len(answered) == 256
    assert [len(asked) for asked in harness.postgres.asked] == [2, 127]


def test_all_who_ask_meanwhile_wait_for_the_one_query(harness: CacheHarness) -> None:
    async def ask_at_once() -> list[list[int]]:
        harness.postgres.answering.clear()
        waiting = [
            asyncio.ensure_future(harness.find(("ada", NOON), (f"only{n % 2}", NOON))) for n in range(8)
        ]
        await asyncio.sleep(0)  # all have asked
        waiting.pop(0).cancel()  # whose query brings the others' answers
        harness.postgres.answering.set()
        return await asyncio.gather(*waiting)

    answers = asyncio.run(ask_at_once())

    assert answers == [[0, 0]] * 7
    assert sorted(name for asked in harness.postgres.asked for name, _ in asked) == ["ada", "only0", "only1"]


def test_a_failure_is_raised_and_not_cached(harness: CacheHarness) -> None:
    harness.postgres.away = True
    with pytest.raises(ServerAway):
        harness.ask_now("ada")

    harness.postgres.away = False

    assert harness.ask_now("ada") == [0]
