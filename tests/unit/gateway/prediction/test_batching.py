"""Adaptive micro-batching: together while busy, at once while idle, one model a batch, and never too many waiting."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import REGISTRY
from starlette.testclient import TestClient
from viral_common.errors import ArtefactError
from viral_common.tweets.features import TweetInput
from viral_gateway.app import create_app
from viral_gateway.prediction.batching import BATCH, FEW, QueueFull, Scoring
from viral_gateway.serving.champion import Serving

from tests.eventually import eventually
from tests.unit.gateway.fakes import NOON, FakeGateway, FakeModel, make_champion

MOST_WAITING = 4 * BATCH


class HeldModel(FakeModel):
    """Score nothing until it is let go."""

    def __init__(self, base: float = 0.5) -> None:
        super().__init__(base)
        self.go = threading.Event()

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        self.calls.append(list(tweets))
        self.go.wait(10)
        return np.full(len(tweets), self.base)


@pytest.fixture
def scoring() -> Iterator[Scoring]:
    scoring = Scoring(threads=1, most_waiting=MOST_WAITING)
    yield scoring
    scoring.close()


def tweets(count: int) -> list[TweetInput]:
    return [TweetInput(f"tweet {number}", NOON) for number in range(count)]


def ask(scoring: Scoring, model: FakeModel, count: int) -> asyncio.Task[list[float]]:
    return asyncio.ensure_future(scoring.score_tweets(Serving(make_champion(3), model), tweets(count)))


async def busy(scoring: Scoring, model: HeldModel) -> asyncio.Task[list[float]]:
    """A call that keeps the only thread busy until the model is let go."""
    first = ask(scoring, model, 1)
    await asyncio.to_thread(eventually, lambda: len(model.calls) == 1)
    return first


def test_a_lone_call_is_scored_at_once(scoring: Scoring) -> None:
    model = FakeModel(0.4)

    assert asyncio.run(scoring.score_tweets(Serving(make_champion(3), model), tweets(2))) == [0.4, 0.4]
    assert len(model.calls) == 1


def test_what_arrives_while_a_batch_is_scored_is_scored_together(scoring: Scoring) -> None:
    async def run_calls() -> list[int]:
        model = HeldModel()
        first = await busy(scoring, model)
        serving = Serving(make_champion(3), model)
        later = [asyncio.ensure_future(scoring.score_tweets(serving, tweets(2))) for _ in range(5)]
        await asyncio.sleep(0)
        model.go.set()
        await asyncio.gather(first, *later)
        return [len(call) for call in model.calls]

    assert asyncio.run(run_calls()) == [1, 10]


@pytest.mark.parametrize(
    ("first", "then", "scored"),
    [(1, [FEW - 1, 1], [1, FEW]), (BATCH, [1, 1], [BATCH, 1])],
    ids=["not for few tweets beside few", "beside a long batch"],
)
def test_when_a_further_thread_begins(first: int, then: list[int], scored: list[int]) -> None:
    scoring, model = Scoring(threads=2, most_waiting=MOST_WAITING), HeldModel()
    serving = Serving(make_champion(3), model)

    async def run_calls() -> list[int]:
        calls = [asyncio.ensure_future(scoring.score_tweets(serving, tweets(first)))]
        await asyncio.to_thread(eventually, lambda: len(model.calls) == 1)
        for count in then:
            calls.append(asyncio.ensure_future(scoring.score_tweets(serving, tweets(count))))
            await asyncio.sleep(0.05)
        await asyncio.to_thread(eventually, lambda: len(model.calls) == 2)
        begun = [len(call) for call in model.calls]
        model.go.set()
        await asyncio.gather(*calls)
        return begun

    assert asyncio.run(run_calls()) == scored
    scoring.close()


def test_a_batch_is_of_one_model(scoring: Scoring) -> None:
    async def run_calls() -> list[list[float]]:
        old, new = HeldModel(0.1), FakeModel(0.9)
        first = await busy(scoring, old)
        calls = [ask(scoring, model, 2) for model in (old, new, old)]
        await asyncio.sleep(0)
        old.go.set()
        return await asyncio.gather(first, *calls)

    assert asyncio.run(run_calls()) == [[0.1], [0.1] * 2, [0.9] * 2, [0.1] * 2]


def test_a_large_call_lets_a_small_one_through(scoring: Scoring) -> None:
    async def run_calls() -> list[int]:
        model, finished = HeldModel(), []
        first = await busy(scoring, model)
        serving = Serving(make_champion(3), model)
        calls = [
            asyncio.ensure_future(scoring.score_tweets(serving, tweets(count))) for count in (BATCH * 3, 1)
        ]
        for call in calls:
            call.add_done_callback(lambda done: finished.append(len(done.result())))
        await asyncio.sleep(0)
        model.go.set()
        await asyncio.gather(first, *calls)
        return finished

    assert asyncio.run(run_calls()) == [1, BATCH * 3]


def test_a_full_queue_refuses_at_once(scoring: Scoring) -> None:
    async def run_calls() -> None:
        model = HeldModel()
        first = await busy(scoring, model)
        waiting = [ask(scoring, model, BATCH) for _ in range(MOST_WAITING // BATCH)]
        await asyncio.sleep(0)

        with pytest.raises(QueueFull, match=f"{MOST_WAITING} tweets would be scored before yours"):
            await asyncio.wait_for(ask(scoring, model, 1), 1)

        model.go.set()
        await asyncio.gather(first, *waiting)
        assert await ask(scoring, model, 1) == [0.5]

    asyncio.run(run_calls())


def test_one_large_call_has_nobody_refused_and_many_do(scoring: Scoring) -> None:
    async def run_calls() -> list[list[float]]:
        model = HeldModel()
        first = await busy(scoring, model)
        large = [ask(scoring, model, 2 * MOST_WAITING)]
        await asyncio.sleep(0)
        beside_it = ask(scoring, model, 1)
        large += [ask(scoring, model, 2 * MOST_WAITING) for _ in range(MOST_WAITING // BATCH - 1)]
        await asyncio.sleep(0)

        with pytest.raises(QueueFull):
            await asyncio.wait_for(ask(scoring, model, 1), 1)

        model.go.set()
        await asyncio.gather(first, *large)
        return [await beside_it, await ask(scoring, model, 1)]

    assert asyncio.run(run_calls()) == [[0.5], [0.5]]


def test_a_caller_who_is_refused_learns_when_to_ask_again_and_counted(fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    gateway = fake_gateway.build()
    full = replace(gateway.predictions, scoring=Scoring(threads=1, most_waiting=0))
    before = turned_away()

    with TestClient(create_app(replace(gateway, predictions=full))) as client:
        reply = client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]})

    assert reply.status_code == 503
    assert reply.headers["content-type"] == "application/problem+json"
    assert int(reply.headers["retry-after"]) == 1
    assert turned_away() == before + 1


def turned_away() -> float:
    counted = REGISTRY.get_sample_value("viral_gateway_turned_away_total")
    assert counted is not None
    return counted


def test_a_model_that_fails_fails_its_callers_and_the_next_are_answered(scoring: Scoring) -> None:
    broken, sound = HeldModel(float("nan")), FakeModel(0.6)
    broken.go.set()

    async def run_calls() -> list[float]:
        with pytest.raises(ArtefactError, match="no number"):
            await ask(scoring, broken, 2)
        return await ask(scoring, sound, 1)

    assert asyncio.run(run_calls()) == [0.6]


def test_an_idle_thread_keeps_no_model(scoring: Scoring) -> None:
    model = FakeModel()
    asyncio.run(scoring.score_tweets(Serving(make_champion(3), model), tweets(1)))
    swapped_out = weakref.ref(model)

    del model

    def freed() -> bool:
        gc.collect()
        return swapped_out() is None

    eventually(freed)
