"""The pipeline page as a browser without JavaScript gets it, with no batch, with one and with hundreds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from starlette.testclient import TestClient
from viral_common.database.tables import Batch
from viral_common.stores.trail import BatchTrail
from viral_common.tweets.features import TweetInput, compute_feature_matrix
from viral_gateway.pages.batch_steps import BatchSteps
from viral_gateway.pages.pipeline import PipelineView
from viral_gateway.stores.predictions import RecentPredictions

from tests.unit.gateway.fakes import (
    NOON,
    FakeGateway,
    make_batch,
    make_champion,
    make_promotion,
    make_trail,
    make_training,
    make_verdict,
)
from tests.unit.gateway.trails import make_trails


def read_view(fake_gateway: FakeGateway, page: int = 1) -> PipelineView:
    gateway = fake_gateway.build()
    return PipelineView.from_gateway(gateway, gateway.holder.current, page)


def list_states(batch: BatchSteps) -> list[str]:
    return [step.state for step in (batch.collected, batch.trained, batch.verdict, batch.promoted)]


RARE = {"auc": 0.82, "auc_low": 0.79, "auc_high": 0.85, "average_precision": 0.432, "viral_rate": 0.09}
WITHIN = {"within_author_auc": 0.548, "within_author_auc_low": 0.521, "within_author_auc_high": 0.575}


def test_it_shows_trails_versions_and_links(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.records.newest = make_champion(3)
    fake_gateway.records.trails = [
        make_trail("simulated"),
        BatchTrail(make_batch(collected=False), None, None, None),
        BatchTrail(make_batch(), make_training(2), None, None),
    ]

    page = client.get("/pipeline")

    assert page.status_code == 200
    assert "Version 3 beats version 2" in page.text
    assert "took 3 min 30 s" in page.text
    assert "6 min 1 s in all" in page.text
    assert f"http://127.0.0.1:5000/#/runs/{3:032x}" in page.text
    for queue in ("trainer.batch-collected", "evaluator.model-trained", "audit", "dead-letters"):
        assert f"http://127.0.0.1:15672/#/queues/viral/{queue}" in page.text
    assert "http://127.0.0.1:15672/#/traces" in page.text
    assert '<span class="tag">simulated</span>' in page.text
    assert '<span class="tag promoted">champion</span>' in page.text


def test_nothing_waits_for_history(client: TestClient, fake_gateway: FakeGateway) -> None:
    history, later = make_batch(), make_batch()
    history.history_only, history.collected_at = True, datetime.now(UTC)
    later.collected_at, later.window_to = datetime.now(UTC), history.window_to + timedelta(days=1)
    fake_gateway.records.trails = [BatchTrail(one, None, None, None) for one in (later, history)]

    states = [list_states(batch) for batch in read_view(fake_gateway).batches]

    assert states == [["done", "running", "waiting", "waiting"], ["done", "ended", "ended", "ended"]]
    assert "for their authors’ pasts" in client.get("/pipeline").text


def test_it_says_what_is_asked_and_what_chance_reaches(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(likes_threshold=10, decision_threshold=0.18, viral_rate=0.09)
    verdict = make_verdict(3)
    verdict.challenger_metrics = RARE | WITHIN
    fake_gateway.records.trails = [BatchTrail(make_batch(), make_training(3), verdict, None)]

    page = client.get("/pipeline").text

    assert "more than 10 likes" in page
    assert "viral from 18% on" in page
    assert "0.432<small>chance 0.090</small>" in page
    assert "0.820<small>0.790 to 0.850</small>" in page
    assert "0.548<small>0.521 to 0.575</small>" in page


def test_a_promotion_by_hand_is_shown_with_its_reason(client: TestClient, fake_gateway: FakeGateway) -> None:
    by_hand = make_promotion(3)
    by_hand.reason, by_hand.note, by_hand.seq = "manual", "complaints", 9
    trail = make_trail()
    fake_gateway.records.trails = [
        BatchTrail(trail.batch, trail.training, trail.verdict, trail.promotion, [by_hand, make_promotion(3)])
    ]

    page = client.get("/pipeline").text

    assert "by hand<small>23 Nov 2026, 12:06 UTC: complaints</small>better<small>" in page


def test_without_postgres_it_still_shows_the_champion(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.records.away = True

    page = client.get("/pipeline")

    assert page.status_code == 503
    assert "Postgres does not answer" in page.text
    assert "version 3 goes on answering" in page.text


def test_without_any_batch_it_says_so_and_draws_nothing(client: TestClient) -> None:
    page = client.get("/pipeline").text

    assert "No batch has been opened yet" in page
    assert "<figure" not in page


def test_hundreds_of_batches_come_thirty_at_a_time(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.records.trails = make_trails(500)

    first, second, last, beyond = (client.get(f"/pipeline?page={page}") for page in (1, 2, 17, 99))

    assert [len(read_view(fake_gateway, page).batches) for page in (1, 2, 17, 99)] == [30, 30, 20, 0]
    assert "/pipeline?page=2" in first.text
    assert "Newer batches" not in first.text
    assert "31 to 60, counted from the newest" in second.text
    assert "Older batches" not in last.text
    assert "no batches so far back" in beyond.text
    assert len(first.content) < 300_000


@pytest.mark.parametrize("page", ["0", "-1", "x", "1e9"])
def test_a_page_that_cannot_be_is_refused(client: TestClient, page: str) -> None:
    assert client.get(f"/pipeline?page={page}").status_code == 422


def test_one_judged_batch_is_drawn_in_the_middle(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.records.trails = [make_trail()]

    page = client.get("/pipeline").text

    assert '<circle cx="50.0%"' in page
    assert "1 batch judged; 1 of the challengers took over" in page


def test_a_batchs_drift_is_read_without_the_calendar(client: TestClient, fake_gateway: FakeGateway) -> None:
    calm, moved = make_trail(), make_trail()
    calm.batch.drift = {"created_at_dayofweek": 9.0, "word_count": 0.02}
    moved.batch.drift = calm.batch.drift | {"like_count": 0.3, "urls_count": 0.1}
    fake_gateway.records.trails = [calm, moved]

    page = client.get("/pipeline").text

    drifts = [batch.drift.words for batch in read_view(fake_gateway).batches if batch.drift]
    assert drifts == ["no quantity moved", "likes moved; links moving"]
    for shown in (*drifts, "by the calendar", "Siddiqi"):
        assert shown in page


def test_the_steps_of_a_batch_that_could_not_be_learnt_from(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.records.trails = make_trails(7)[1:2]

    [batch] = read_view(fake_gateway).batches

    assert list_states(batch) == ["done", "ended", "done", "ended"]
    assert "The window has 212 tweets to train on" in client.get("/pipeline").text


def test_live_traffic_that_is_not_remembered_says_how_it_would_be(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve()

    assert "VIRAL_LOG_PREDICTIONS=true" in client.get("/pipeline").text


@pytest.mark.parametrize(("words", "reading"), [(14, "stable"), (60, "moved")])
def test_live_traffic_is_compared_with_the_champions_test_tweets(
    client: TestClient, fake_gateway: FakeGateway, words: int, reading: str
) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.records.test_tweets = tweets(400, 14)
    fake_gateway.records.live = RecentPredictions(
        12_345, NOON, NOON + timedelta(days=2), compute_feature_matrix(tweets(400, words)), np.full(400, 0.5)
    )

    page = client.get("/pipeline").text

    assert "12,345 predictions of version 3 are remembered, from 23 Nov 2026, 12:00 UTC" in page
    assert f'<span class="tag {reading}">{reading}</span> Against 400 test tweets' in page
    assert "predicted probability" in page


def test_too_few_predictions_are_not_compared(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.records.test_tweets = tweets(400, 14)
    fake_gateway.records.live = RecentPredictions(
        3, NOON, NOON, compute_feature_matrix(tweets(3, 14)), np.full(3, 0.5)
    )

    assert "Too few to compare: 3 predictions" in client.get("/pipeline").text


def test_looks_shortly_after_each_other_read_the_predictions_once(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.records.test_tweets = tweets(400, 14)
    fake_gateway.records.live = RecentPredictions(
        111, NOON, NOON, compute_feature_matrix(tweets(111, 14)), np.full(111, 0.5)
    )
    assert "111 predictions of version 3" in client.get("/pipeline").text

    fake_gateway.records.live = RecentPredictions(
        222, NOON, NOON, compute_feature_matrix(tweets(222, 14)), np.full(222, 0.5)
    )

    assert "111 predictions of version 3" in client.get("/pipeline").text
    fake_gateway.serve(version=4)
    assert "222 predictions of version 4" in client.get("/pipeline").text


def tweets(count: int, words: int) -> list[TweetInput]:
    return [TweetInput("word " * (words + number % 5), NOON) for number in range(count)]


def test_batches_that_wait_for_the_one_before_them_are_not_called_running(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    now = datetime.now(UTC)
    fake_gateway.records.trails = [
        BatchTrail(make_days_batch(day, now), None, None, None) for day in (3, 2, 1)
    ]

    batches = read_view(fake_gateway).batches

    assert [batch.trained.state for batch in batches] == ["waiting", "waiting", "running"]
    assert client.get("/pipeline").text.count("for the batch before it") == 2


def test_a_batch_that_got_stuck_holds_up_the_next_for_an_hour_and_not_for_ever(
    fake_gateway: FakeGateway,
) -> None:
    now = datetime.now(UTC)
    stuck = make_days_batch(1, now - timedelta(minutes=61))
    fake_gateway.records.trails = [
        BatchTrail(batch, None, None, None) for batch in (make_days_batch(2, now), stuck)
    ]

    batches = read_view(fake_gateway).batches

    assert [batch.trained.state for batch in batches] == ["running", "running"]


def test_training_is_said_to_run_since_the_batch_before_was_trained(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    first, second = make_days_batch(1, NOON), make_days_batch(2, NOON.replace(minute=1))
    trained = BatchTrail(first, make_training(1), make_verdict(1, "kept"), None)
    fake_gateway.records.trails = [BatchTrail(second, None, None, None), trained]

    newest, _ = read_view(fake_gateway).batches

    assert newest.trained.since == NOON.replace(minute=5, second=30)
    assert "since 23 Nov 2026, 12:05 UTC" in client.get("/pipeline").text


def make_days_batch(day: int, collected_at: datetime) -> Batch:
    """The `day`th in a row of one source."""
    batch = make_batch()
    batch.id = UUID(int=day)
    batch.window_to = batch.window_from + timedelta(days=day)
    batch.collected_at = collected_at
    return batch
