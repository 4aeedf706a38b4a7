"""Postgres is asked once a minute for an author, however many ask, and never with tomorrow's knowledge."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from viral_common.errors import ServerAway
from viral_common.tweets.features import AuthorHistory
from viral_common.tweets.label_rule import LabelRule
from viral_gateway.prediction.author_cache import REMEMBERED_S, AuthorCache

from tests.eventually import eventually
from tests.unit.gateway.fakes import NOON

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class Postgres:
    """Knows of each author as many tweets as minutes have passed since noon; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, datetime]]] = []
        self.away = False
        self.forgotten: set[str] = set()
        self.answering = threading.Event()
        self.answering.set()

    def author_histories(
        self, source: str, asked: Sequence[tuple[str, datetime]], rule: LabelRule
    ) -> list[AuthorHistory]:
        self.asked.append(list(asked))
        self.answering.wait(5)
        if self.away:
            raise ServerAway("Postgres does not answer")
        return [self._history(*one) for one in asked]

    def _history(self, name: str, at: datetime) -> AuthorHistory:
        return AuthorHistory(tweets=0 if name in self.forgotten else int((at - NOON) / timedelta(minutes=1)))


class Stage:
    """A cache whose clock the test moves."""

    def __init__(self) -> None:
        self.postgres = Postgres()
        self.passed = timedelta()
        self.cache = AuthorCache(
            self.postgres.author_histories, lambda: NOON + self.passed, lambda: self.passed.total_seconds()
        )

    def ask(self, *asked: tuple[str, datetime], threshold: int = 0) -> list[int]:
        return [one.tweets for one in self.cache.find_histories("archive", asked, LabelRule(threshold, DAY))]

    def ask_now(self, *names: str) -> list[int]:
        return self.ask(*[(name, NOON + self.passed) for name in names])


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_author_asked_for_again_within_the_minute_costs_no_query(stage: Stage) -> None:
    stage.ask_now("ada")
    stage.passed += 40 * SECOND
    stage.ask_now("ada", "ADA", "@ada")

    assert stage.postgres.asked == [[("ada", NOON)]]


def test_nothing_is_older_than_it_may_be(stage: Stage) -> None:
    ages = []
    for _ in range(20):
        (minutes,) = stage.ask_now("ada")
        ages.append(stage.passed.total_seconds() - 60 * minutes)
        stage.passed += 23 * SECOND

    assert all(0 <= age < 60 for age in ages)


def test_an_author_nobody_knows_is_looked_for_again(stage: Stage) -> None:
    yesterday = NOON - DAY
    stage.ask(("grace", yesterday))
    stage.passed += timedelta(seconds=REMEMBERED_S)

    stage.ask(("grace", yesterday))

    assert len(stage.postgres.asked) == 2


def test_what_is_known_of_a_forgotten_author_is_gone_within_the_minute(stage: Stage) -> None:
    at = NOON + DAY
    before = stage.ask(("ada", at))
    stage.postgres.forgotten.add("ada")
    stage.passed += timedelta(seconds=REMEMBERED_S)

    after = stage.ask(("ada", at))

    assert (before, after) == ([24 * 60], [0])


def test_past_and_future_times_are_exact(stage: Stage) -> None:
    times = [NOON + 30 * SECOND + shift for shift in (-DAY, -DAY + SECOND, DAY, DAY + SECOND)]

    stage.ask(*[("ada", at) for at in times])

    assert stage.postgres.asked == [[("ada", at) for at in times]]


def test_a_model_with_another_threshold_gets_its_own_histories(stage: Stage) -> None:
    stage.ask(("ada", NOON))
    stage.ask(("ada", NOON), threshold=10)

    assert len(stage.postgres.asked) == 2


def test_a_large_call_asks_once_for_the_authors_not_known_yet(stage: Stage) -> None:
    stage.ask_now("ada", "bob")
    names = ["ada", "bob", *(f"author{n}" for n in range(127)), *(f"author{n}" for n in range(127))]

    answered = stage.ask_now(*names)

    assert len(answered) == 256
    assert [len(asked) for asked in stage.postgres.asked] == [2, 127]


def test_all_who_ask_meanwhile_wait_for_the_one_query(stage: Stage) -> None:
    stage.postgres.answering.clear()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(stage.ask_now, "ada", f"only{n % 2}") for n in range(8)]
        eventually(lambda: sum(map(len, stage.postgres.asked)) == 3)
        stage.postgres.answering.set()
        answers = [one.result(5) for one in waiting]

    assert answers == [[0, 0]] * 8
    assert sorted(name for asked in stage.postgres.asked for name, _ in asked) == ["ada", "only0", "only1"]


def test_a_failure_is_told_and_not_remembered(stage: Stage) -> None:
    stage.postgres.away = True
    with pytest.raises(ServerAway):
        stage.ask_now("ada")

    stage.postgres.away = False

    assert stage.ask_now("ada") == [0]
