"""Give the routes what they work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from viral_gateway.monitoring.live_drift import LiveTraffic
from viral_gateway.prediction.predict import PredictionService
from viral_gateway.records import Records
from viral_gateway.serving.announcements import Announcements
from viral_gateway.serving.champion import ModelHolder
from viral_gateway.settings import GatewaySettings
from viral_gateway.stores.bounded_reads import BoundedReads


@dataclass(frozen=True)
class Gateway:
    settings: GatewaySettings
    holder: ModelHolder
    predictions: PredictionService
    announcements: Announcements
    records: Records
    reads: BoundedReads
    live: LiveTraffic
    missing: Callable[[], list[str]]
    """What keeps it from receiving promotions, in words."""


async def _get_gateway(request: Request) -> Gateway:  # async: FastAPI would run it on another thread
    return cast(Gateway, request.app.state.gateway)


GatewayDep = Annotated[Gateway, Depends(_get_gateway)]
