"""The envelope: what goes over the wire, and what comes back."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from viral_common.bus.messages import Message
from viral_common.delivery.service import decode
from viral_common.events import (
    BatchCollected,
    CloudEvent,
    ModelPromoted,
    ModelTrained,
    derive_event_id,
    wrap_event,
)

BATCH = UUID(int=7)
CONTRACT_OF_PROMOTED = {
    "promotion_seq",
    "model_version",
    "previous_version",
    "mlflow_run_id",
    "artifact_uri",
    "artifact_sha256",
    "precision",
    "verdict_id",
    "reason",
    "metrics",
}


def batch_collected() -> BatchCollected:
    return BatchCollected(
        batch_id=BATCH,
        source="archive",
        query="oil",
        window_from=datetime(2026, 1, 1, tzinfo=UTC),
        window_to=datetime(2026, 1, 2, tzinfo=UTC),
        tweet_count=100,
        train_count=70,
        test_count=15,
        viral_rate=0.5,
    )


def model_promoted() -> ModelPromoted:
    return ModelPromoted(
        batch_id=BATCH,
        promotion_seq=3,
        model_version=2,
        previous_version=1,
        mlflow_run_id="run",
        artifact_uri="mlflow-artifacts:/0/run",
        artifact_sha256="0" * 64,
        verdict_id=None,
        reason="manual",
        metrics={"auc": 0.7},
    )


def on_the_wire(event: CloudEvent) -> Message:
    return Message("viral.events", event.type, event.model_dump_json(exclude_none=True).encode())


def test_an_event_survives_the_wire() -> None:
    sent = wrap_event(batch_collected(), "viral/scraper/host")

    received, event = decode(on_the_wire(sent), BatchCollected)

    assert received == sent
    assert event == batch_collected().model_copy(update={"id": sent.id})


def test_a_promotion_carries_just_the_fields_of_the_contract_and_finds_its_batch_in_the_envelope() -> None:
    sent = wrap_event(model_promoted(), "viral/evaluator/host")

    _, event = decode(on_the_wire(sent), ModelPromoted)

    assert set(sent.data) == CONTRACT_OF_PROMOTED
    assert event.batch_id == BATCH


def test_a_handler_that_runs_twice_causes_the_same_event_id_in_the_same_trace() -> None:
    cause = wrap_event(batch_collected(), "viral/scraper/host")

    first = wrap_event(model_promoted(), "viral/evaluator/host", cause)
    second = wrap_event(model_promoted(), "viral/evaluator/host", cause)

    assert first.id == second.id == derive_event_id(cause.id, "model.promoted")
    assert first.causationid == str(cause.id)
    assert first.traceparent == second.traceparent
    assert first.traceparent.split("-")[1] == cause.traceparent.split("-")[1]


def test_unknown_fields_are_ignored_so_that_fields_can_be_added() -> None:
    sent = wrap_event(batch_collected(), "viral/scraper/host")
    newer = sent.model_copy(update={"data": {**sent.data, "added_later": 1}})

    _, event = decode(on_the_wire(newer), BatchCollected)

    assert event.tweet_count == 100


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no valid batch.collected event"),
        (b"\xff\xfe", "no valid batch.collected event"),
        (b"{}", "id: Field required"),
        (b"[1, 2]", "no valid batch.collected event"),
        (b"\x00" * 100, "no valid batch.collected event"),
    ],
)
def test_a_message_that_is_no_cloud_event_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r"batch\.collected") as refused:
        decode(Message("viral.events", "batch.collected", body), BatchCollected)

    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_type_is_named_with_the_known_ones() -> None:
    sent = wrap_event(batch_collected(), "viral/scraper/host").model_copy(update={"type": "batch.exploded"})

    with pytest.raises(ValueError, match=r"unknown event type 'batch.exploded'; known: batch.collected"):
        decode(on_the_wire(sent), BatchCollected)


def test_a_known_event_in_the_wrong_queue_is_refused() -> None:
    sent = wrap_event(model_promoted(), "viral/evaluator/host")

    with pytest.raises(
        ValueError, match=r"model\.promoted event came to a queue that takes batch\.collected"
    ):
        decode(on_the_wire(sent), BatchCollected)


@pytest.mark.parametrize("missing", ["batch_id", "source", "window_from", "tweet_count", "viral_rate"])
def test_data_that_breaks_the_contract_is_named_by_field(missing: str) -> None:
    sent = wrap_event(batch_collected(), "viral/scraper/host")
    data = {name: value for name, value in sent.data.items() if name != missing}
    broken = sent.model_copy(update={"data": data, "correlationid": "none"})

    with pytest.raises(ValueError, match=missing):
        decode(on_the_wire(broken), BatchCollected)


def test_a_promotion_that_says_no_precision_is_of_fp32() -> None:
    sent = wrap_event(model_promoted(), "viral/evaluator/host")
    older = {name: value for name, value in sent.data.items() if name != "precision"}

    _, event = decode(on_the_wire(sent.model_copy(update={"data": older})), ModelPromoted)

    assert event.precision == "fp32"


def test_a_precision_nobody_makes_is_refused() -> None:
    sent = wrap_event(model_promoted(), "viral/evaluator/host")
    forged = sent.model_copy(update={"data": {**sent.data, "precision": "int4"}})

    with pytest.raises(ValueError, match="precision"):
        decode(on_the_wire(forged), ModelPromoted)


def test_a_digest_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="artifact_sha256"):
        ModelTrained(
            batch_id=uuid4(),
            model_version=1,
            mlflow_run_id="run",
            artifact_uri="uri",
            artifact_sha256="../../etc/passwd",
            metrics={},
        )
