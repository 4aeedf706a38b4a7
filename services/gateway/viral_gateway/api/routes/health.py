"""Answer GET /health/live, /health/ready and /metrics."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field
from viral_common.delivery.telemetry import READY as READY_GAUGE

from viral_gateway import telemetry
from viral_gateway.api.openapi_examples import build_example
from viral_gateway.api.prediction_schemas import ModelRef
from viral_gateway.gateway import Gateway, GatewayDep
from viral_gateway.serving.champion import NOTHING_PROMOTED

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class RefusedOut(BaseModel):
    """A promoted artefact that may not serve; the model before it serves on."""

    version: int = Field(examples=[4])
    promotion_seq: int = Field(examples=[5])
    reason: str = Field(
        examples=[
            "/data/gateway/.incoming-x7k2/artefact: manifest.json has digest 9f86d081884c…, announced was 5e1f0c2a77b3…"
        ]
    )
    refused_at: datetime = Field(examples=["2026-11-23T06:01:09Z"])


READY: dict[str, Any] = {
    "status": "ready",
    "missing": [],
    "model": build_example(ModelRef.model_json_schema(mode="serialization"), {}),
    "refused": None,
}
NOT_READY: dict[str, Any] = {
    "status": "not ready",
    "missing": [NOTHING_PROMOTED],
    "model": None,
    "refused": None,
}


class Ready(BaseModel):
    """Whether to send traffic here."""

    model_config = ConfigDict(json_schema_extra={"examples": [READY, NOT_READY]})

    status: Literal["ready", "not ready"]
    missing: list[str] = Field(description="What is missing, in words")
    model: ModelRef | None
    refused: RefusedOut | None


@router.get("/health/live", name="live", summary="Does the process answer?")
async def report_live() -> Live:
    """Answer 200 while the process does."""
    return Live()


@router.get(
    "/health/ready",
    name="ready",
    summary="Is a model loaded, and does the gateway receive promotions?",
    responses={
        503: {
            "model": Ready,
            "description": "Not ready; `missing` says why",
            "content": {"application/json": {"example": NOT_READY}},
        }
    },
)
async def report_ready(gateway: GatewayDep, response: Response) -> Ready:
    """Answer 200 only with a model loaded and the consumer alive on the broker."""
    missing = _list_missing(gateway)
    response.status_code = 503 if missing else 200
    response.headers["Cache-Control"] = "no-store"
    serving, refused = gateway.holder.current, gateway.holder.refused
    return Ready(
        status="not ready" if missing else "ready",
        missing=missing,
        model=ModelRef.model_validate(serving.model) if serving else None,
        refused=RefusedOut(**asdict(refused)) if refused and not gateway.settings.asks_for_keys else None,
    )


@router.get(
    "/metrics",
    name="prometheus",
    summary="For Prometheus",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {"example": "viral_gateway_model_version 3.0\n"}}}},
)
async def expose_telemetry(gateway: GatewayDep) -> Response:
    """Render Prometheus' text format."""
    READY_GAUGE.set(not _list_missing(gateway))
    return Response(telemetry.render_telemetry(), media_type=CONTENT_TYPE_LATEST)


def _list_missing(gateway: Gateway) -> list[str]:
    no_model = [] if gateway.holder.current else [gateway.holder.missing]
    return no_model + gateway.missing()
