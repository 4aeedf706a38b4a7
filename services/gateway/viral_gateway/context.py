"""What the routes work with, handed to them by FastAPI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from viral_gateway.announcements import Announcements
from viral_gateway.author_cache import AuthorCache
from viral_gateway.live_drift import LiveTraffic
from viral_gateway.prediction_log import PredictionLog
from viral_gateway.promoted import PromotedModel
from viral_gateway.records import Records
from viral_gateway.schemas import ModelDetails
from viral_gateway.scoring import Scoring
from viral_gateway.serving import ModelHolder, Serving
from viral_gateway.settings import GatewaySettings


@dataclass(frozen=True)
class Gateway:
    """One gateway process."""

    settings: GatewaySettings
    holder: ModelHolder
    scoring: Scoring
    announcements: Announcements
    records: Records
    authors: AuthorCache
    prediction_log: PredictionLog
    live: LiveTraffic
    missing: Callable[[], list[str]]
    """What keeps it from hearing of promotions, in words."""


async def _gateway(request: Request) -> Gateway:  # async: FastAPI would run it on another thread
    return cast(Gateway, request.app.state.gateway)


GatewayDep = Annotated[Gateway, Depends(_gateway)]


def details_of(serving: Serving) -> ModelDetails:
    """All that is told of the model that answers."""
    model: PromotedModel = serving.model
    return ModelDetails(
        version=model.version,
        promotion_seq=model.promotion_seq,
        run_id=model.run_id,
        promoted_at=model.promoted_at,
        previous_version=model.previous_version,
        reason=model.reason,
        metrics=model.metrics,
        test_count=model.test_count,
        batch_id=model.batch_id,
        artifact_sha256=model.artifact_sha256,
        precision=model.precision,
        likes_threshold=serving.scorer.spec.likes_threshold,
        decision_threshold=serving.scorer.spec.decision_threshold,
        viral_rate=serving.scorer.spec.training.viral_rate,
        simulated=serving.scorer.spec.training.simulated,
        train_count=serving.scorer.spec.training.train_count,
    )
