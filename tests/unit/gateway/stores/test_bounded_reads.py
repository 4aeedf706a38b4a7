"""A Postgres that is silent costs a deadline, then nothing, and is asked again now and then."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
import structlog
from viral_common.errors import ServerAway
from viral_gateway.stores.bounded_reads import AWAY_S, MOST_FAILURES, THREADS, BoundedReads

DEADLINE_S = 0.5


class SilentPostgres:
    """Answer once `answering` is set; until then hold each thread that asks."""

    def __init__(self) -> None:
        self.answering = threading.Event()
        self.asked = self.held = self.most_held = 0
        self.passed = 0.0
        self.reads = BoundedReads("authors", DEADLINE_S, lambda: self.passed)

    def answer(self) -> str:
        self.asked += 1
        self.held += 1
        self.most_held = max(self.held, self.most_held)
        self.answering.wait(10)
        self.held -= 1
        return "answer"

    def refuse(self) -> str:
        raise ServerAway("refused")

    def ask(self, calls: int = 1) -> tuple[list[str | BaseException], float]:
        """Ask as many times at once; return the outcomes and how long they took."""

        async def ask_at_once() -> list[str | BaseException]:
            return await asyncio.gather(
                *(self.reads.read(self.answer) for _ in range(calls)), return_exceptions=True
            )

        started = time.monotonic()
        return asyncio.run(ask_at_once()), time.monotonic() - started


@pytest.fixture
def postgres() -> Iterator[SilentPostgres]:
    postgres = SilentPostgres()
    yield postgres
    postgres.answering.set()


def test_silence_costs_every_caller_the_deadline_and_holds_few_threads(postgres: SilentPostgres) -> None:
    outcomes, took_s = postgres.ask(calls=50)

    assert all(isinstance(outcome, ServerAway) for outcome in outcomes)
    assert took_s < 10 * DEADLINE_S
    assert postgres.most_held == THREADS
    postgres.answering.set()
    time.sleep(DEADLINE_S)
    assert postgres.asked == THREADS  # what waited for a thread is not asked later on


def test_after_failures_nobody_waits_until_one_may_ask_again(postgres: SilentPostgres) -> None:
    with structlog.testing.capture_logs() as logs:
        postgres.ask(calls=MOST_FAILURES)
        _, took_s = postgres.ask(calls=50)
        assert took_s < DEADLINE_S
        postgres.answering.set()
        time.sleep(DEADLINE_S)
        assert isinstance(postgres.ask()[0][0], ServerAway)
        postgres.passed += AWAY_S

        outcomes, _ = postgres.ask(calls=50)

    assert sum(outcome == "answer" for outcome in outcomes) == 1
    assert postgres.ask()[0] == ["answer"]
    assert [line["event"] for line in logs] == ["Postgres counts as away", "Postgres answers again"]


def test_a_single_slow_answer_is_no_outage(postgres: SilentPostgres) -> None:
    assert isinstance(postgres.ask()[0][0], ServerAway)
    postgres.answering.set()

    assert postgres.ask()[0] == ["answer"]


def test_a_refusal_counts_as_silence_does(postgres: SilentPostgres) -> None:
    postgres.answering.set()
    for _ in range(MOST_FAILURES):
        with pytest.raises(ServerAway, match="refused"):
            asyncio.run(postgres.reads.read(postgres.refuse))

    assert isinstance(postgres.ask()[0][0], ServerAway)
    assert not postgres.asked
