"""Build promotions, by a verdict or by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from viral_common.database.engine import Session
from viral_common.database.tables import Promotion, Training, Verdict
from viral_common.errors import UsageError
from viral_common.events import Precision
from viral_common.stores import ledger

from viral_evaluator.challenges import REPEATED, Challenge


def build_promotion(challenge: Challenge, verdict: Verdict) -> Promotion:
    """Build the row that makes the challenger the champion."""
    return Promotion(
        event_id=challenge.promotion_event_id,
        verdict_id=verdict.id,
        precision=verdict.precision,
        reason="better" if challenge.champion else "first",
        metrics=verdict.challenger_metrics,
        **_take_model(challenge.training, challenge.champion),
    )


def promote_by_hand(
    session: Session,
    version: int,
    note: str,
    precision: Precision | None = None,
    sign: Callable[[Promotion], tuple[str, str]] | None = None,
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
            precision=precision,
            reason="manual",
            note=note,
            metrics=(verdict.challenger_metrics if verdict else {}) or training.metrics,
            **_take_model(training, champion),
        ),
        sign,
    )


def find_replaced_champion(session: Session) -> Promotion:
    """Find the promotion before the newest. Raises UsageError if there is nothing to go back to."""
    if (before := ledger.find_replaced_promotion(session)) is None:
        raise UsageError("there is no earlier champion to roll back to")
    return before


def _take_model(training: Training, champion: Promotion | None) -> dict[str, Any]:
    return {
        "previous_version": champion.model_version if champion else None,
        **{name: getattr(training, name) for name in REPEATED},
    }
