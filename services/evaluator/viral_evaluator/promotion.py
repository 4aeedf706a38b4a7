"""Promotions: as rows, as events, and by hand."""

from __future__ import annotations

from uuid import uuid4

from viral_common.database.engine import Session
from viral_common.database.tables import Promotion, Verdict
from viral_common.errors import UsageError
from viral_common.events import ModelPromoted, ModelTrained, Precision, derive_event_id
from viral_common.stores import ledger


def promotion_of_verdict(event: ModelTrained, verdict: Verdict, champion: Promotion | None) -> Promotion:
    """The row that makes the event's challenger the champion."""
    return Promotion(
        event_id=derive_event_id(event.id, ModelPromoted.name),
        batch_id=event.batch_id,
        model_version=event.model_version,
        previous_version=champion.model_version if champion else None,
        mlflow_run_id=event.mlflow_run_id,
        artifact_uri=event.artifact_uri,
        artifact_sha256=event.artifact_sha256,
        precision=verdict.precision,
        verdict_id=verdict.id,
        reason="better" if champion else "first",
        metrics=verdict.challenger_metrics,
    )


def promote_by_hand(
    session: Session, version: int, note: str, precision: Precision | None = None
) -> Promotion:
    """Make `version` the champion whatever the verdicts say, in the precision of its own if none is given.

    Raises UsageError for a version nobody trained, or never scored in int8.
    """
    ledger.lock_promotions(session)
    training = ledger.find_training_by_version(session, version)
    if training is None:
        known = ", ".join(map(str, ledger.list_versions(session))) or "none"
        raise UsageError(f"version {version} does not exist; known versions: {known}")
    champion = ledger.find_champion(session)
    verdict = ledger.find_verdict_by_version(session, version)
    precision = precision or (verdict and verdict.precision) or "fp32"
    if champion and (champion.model_version, champion.precision) == (version, precision):
        raise UsageError(f"version {version} is the champion already, in {precision}")
    if precision == "int8" and (verdict is None or "auc_int8" not in verdict.challenger_metrics):
        raise UsageError(f"version {version} was never scored in int8; promote it in fp32")
    return ledger.add_promotion(
        session,
        Promotion(
            event_id=uuid4(),
            batch_id=training.batch_id,
            model_version=version,
            previous_version=champion.model_version if champion else None,
            mlflow_run_id=training.mlflow_run_id,
            artifact_uri=training.artifact_uri,
            artifact_sha256=training.artifact_sha256,
            precision=precision,
            reason="manual",
            note=note,
            metrics=(verdict.challenger_metrics if verdict else {}) or training.metrics,
        ),
    )


def replaced_champion(session: Session) -> Promotion:
    """The promotion before the newest. Raises UsageError if there is nothing to go back to."""
    if (before := ledger.find_replaced_promotion(session)) is None:
        raise UsageError("there is no earlier champion to roll back to")
    return before
