"""GET /v1/model and GET /v1/models"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from viral_gateway.context import GatewayDep, details_of
from viral_gateway.openapi import problems
from viral_gateway.record_schemas import Models
from viral_gateway.schemas import ModelDetails

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/model", summary="The model that answers", responses=problems(503))
async def model(gateway: GatewayDep) -> ModelDetails:
    """The champion as this gateway serves it, with its metrics."""
    return details_of(gateway.holder.serving())


@router.get("/models", summary="Every version with its verdict", responses=problems(422, 503))
def models(gateway: GatewayDep, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Models:
    """The newest versions first."""
    return Models.of(gateway.records.models(limit))
