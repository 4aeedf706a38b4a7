"""GET /health/live, /health/ready and /metrics"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from viral_common import telemetry

from viral_gateway.context import Gateway, GatewayDep
from viral_gateway.schemas import ModelRef

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class RefusedOut(BaseModel):
    """A promoted artefact that may not serve; the model before it serves on."""

    version: int
    promotion_seq: int
    reason: str
    refused_at: datetime


class Ready(BaseModel):
    """Whether to send traffic here."""

    status: Literal["ready", "not ready"]
    missing: list[str] = Field(
        description="What is missing, in words", examples=[["no model has been promoted yet"]]
    )
    model: ModelRef | None
    refused: RefusedOut | None


@router.get("/health/live", summary="Does the process answer?")
async def live() -> Live:
    """Always 200 while it does."""
    return Live()


@router.get(
    "/health/ready",
    summary="Is a model loaded, and does the gateway hear of promotions?",
    responses={503: {"model": Ready, "description": "Not ready; `missing` says why"}},
)
async def ready(gateway: GatewayDep, response: Response) -> Ready:
    """200 only with a model loaded and the consumer alive on the broker."""
    missing = _missing(gateway)
    response.status_code = 503 if missing else 200
    response.headers["Cache-Control"] = "no-store"
    serving, refused = gateway.holder.current, gateway.holder.refused
    return Ready(
        status="not ready" if missing else "ready",
        missing=missing,
        model=ModelRef.of(serving.model) if serving else None,
        refused=RefusedOut(**asdict(refused)) if refused else None,
    )


@router.get("/metrics", summary="For Prometheus", response_class=Response)
async def prometheus(gateway: GatewayDep) -> Response:
    """Prometheus' text format."""
    telemetry.READY.set(not _missing(gateway))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _missing(gateway: Gateway) -> list[str]:
    no_model = [] if gateway.holder.current else ["no model has been promoted yet"]
    return no_model + gateway.missing()
