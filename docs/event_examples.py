"""Describe what the event classes do not say: who sends each fact, when, to whom, and what one looks like."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from viral_common.events import BatchCollected, CloudEvent, Event, ModelPromoted, ModelTrained, wrap_event


class EventRoute(NamedTuple):
    """Describe the way of one event from service to service."""

    publisher: str
    when: str
    consumer: str
    """A service; the gateway listens with every replica."""
    queue: str
    example: Event


_BATCH = UUID("0b4f9f0e-6a53-4a0e-9d5c-1f4f3a0f7c11")
_RUN: dict[str, Any] = {
    "model_version": 7,
    "mlflow_run_id": "9c1d7a54be714bd5a3dd0a4a20d7a6f1",
    "artifact_uri": "mlflow-artifacts:/1/9c1d7a54be714bd5a3dd0a4a20d7a6f1/artifacts/artefact",
    "artifact_sha256": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
}

EVENT_ROUTES: dict[str, EventRoute] = {
    "batch.collected": EventRoute(
        "scraper",
        "the last interval of a batch is stored; in the same transaction as its `collected_at`",
        "trainer",
        "trainer.batch-collected",
        BatchCollected(
            id=UUID("5b0a3d0e-0f2b-4b68-9f53-54dd5c6d9a01"),
            batch_id=_BATCH,
            source="archive",
            query="russia ukraine oil",
            window_from=datetime(2022, 2, 20, tzinfo=UTC),
            window_to=datetime(2022, 2, 27, tzinfo=UTC),
            tweet_count=10_000,
            train_count=7_012,
            test_count=1_493,
            viral_rate=0.432,
        ),
    ),
    "model.trained": EventRoute(
        "trainer",
        "a challenger is registered in MLflow",
        "evaluator",
        "evaluator.model-trained",
        ModelTrained(batch_id=_BATCH, **_RUN, metrics={"auc": 0.712, "accuracy": 0.655, "log_loss": 0.611}),
    ),
    "model.promoted": EventRoute(
        "evaluator",
        "a challenger beat the champion, or a person promoted or rolled back by hand",
        "gateway",
        "gateway.model-promoted.<instance>",
        ModelPromoted(
            batch_id=_BATCH,
            **_RUN,
            promotion_seq=4,
            previous_version=5,
            verdict_id=UUID("d1c1d6cf-9a7e-4a3c-8f0b-2f5f4b6b7e10"),
            reason="better",
            metrics={"auc": 0.709, "accuracy": 0.651, "f1": 0.588, "log_loss": 0.615, "ece": 0.014},
        ),
    ),
}

ENVELOPE: dict[str, str] = {
    "specversion": "Version of CloudEvents",
    "id": "The event's id. Of a caused event: uuid5(causationid, type), the same on every run of its handler",
    "source": "Who sent it: `viral/<service>/<host>`",
    "type": "The event's name, equal to the routing key",
    "subject": "`batch/<batch_id>`",
    "time": "When it was written to the outbox (UTC)",
    "datacontenttype": "Type of `data`",
    "traceparent": "W3C trace context: one trace for all events of a batch",
    "correlationid": "The batch id: the same in every event of the batch",
    "causationid": "Id of the event that caused this one; absent in the first",
    "data": "The fact itself, as below",
}


def build_examples() -> dict[str, dict[str, Any]]:
    """Build one whole message by event name: those of one batch, each event caused by the one before."""
    found: dict[str, dict[str, Any]] = {}
    cause: CloudEvent | None = None
    for minute, (name, route) in enumerate(EVENT_ROUTES.items()):
        wrapped = wrap_event(route.example, f"viral/{route.publisher}/host-{minute + 1}", cause)
        cause = wrapped.model_copy(update={"time": datetime(2026, 11, 23, 5, 2 * minute, tzinfo=UTC)})
        found[name] = cause.model_dump(mode="json", exclude_none=True)
    return found
