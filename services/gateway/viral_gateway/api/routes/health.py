"""Answer GET /health/live, /health/ready and /metrics."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field
from viral_common.delivery.telemetry import READY as READY_GAUGE

from viral_gateway import telemetry
from viral_gateway.api.openapi_examples import build_example
from viral_gateway.api.prediction_schemas import ModelRef
from viral_gateway.gateway import Gateway, GatewayDep
from viral_gateway.middleware.http_protocol import STOPPING
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

    status: Literal["ready", "not ready", "stopping"]
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
async def report_ready(gateway: GatewayDep, request: Request, response: Response) -> Ready:
    """Answer 200 only with a model loaded and the consumer alive on the broker, and until the process stops."""
    stopping = getattr(request.state, STOPPING, False)
    missing = ["the process is stopping"] if stopping else _list_missing(gateway)
    response.status_code = 503 if missing else 200
    response.headers["Cache-Control"] = "no-store"
    serving, refused = gateway.holder.current, gateway.holder.refused
    return Ready(
        status="stopping" if stopping else "not ready" if missing else "ready",
        missing=missing,
        model=ModelRef.model_validate(serving.model) if serving else None,
        refused=RefusedOut(**asdict(refused)) if refused and not gateway.settings.asks_for_keys else None,
    )


@router.get(
    "/health/serving",
    name="serving",
    summary="For balancers: may requests be sent here?",
    response_class=PlainTextResponse,
    responses={503: {"description": "Not now", "content": {"text/plain": {"example": "stopping"}}}},
)
async def report_serving(gateway: GatewayDep, request: Request) -> PlainTextResponse:
    """Answer 503 while the process stops or a promoted model is not loaded; 200 also while servers are away."""
    obstacle = None if gateway.holder.current else gateway.holder.obstacle
    reason = "stopping" if getattr(request.state, STOPPING, False) else obstacle
    return PlainTextResponse(reason or "serving", 503 if reason else 200)


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
