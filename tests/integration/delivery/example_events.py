"""Make events to send."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from viral_common.events import BatchCollected, ModelTrained


def make_batch_collected(event_id: UUID | None = None, batch_id: UUID | None = None) -> BatchCollected:
    """Make the event of a batch of a hundred tweets."""
    return BatchCollected(
        id=event_id or uuid4(),
        batch_id=batch_id or uuid4(),
        source="archive",
        query="oil",
        window_from=datetime(2026, 1, 1, tzinfo=UTC),
        window_to=datetime(2026, 1, 2, tzinfo=UTC),
        tweet_count=100,
        train_count=70,
        test_count=15,
        viral_rate=0.5,
    )


def make_model_trained(batch_id: UUID, version: int = 1) -> ModelTrained:
    """Make the event of its challenger."""
    return ModelTrained(
        batch_id=batch_id,
        model_version=version,
        mlflow_run_id="run",
        artifact_uri="uri",
        artifact_sha256="0" * 64,
        metrics={"auc": 0.7},
    )
