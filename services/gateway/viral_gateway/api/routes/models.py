"""GET /v1/model and GET /v1/models"""

from __future__ import annotations

from fastapi import APIRouter, Depends

from viral_gateway.api.model_schemas import Models
from viral_gateway.api.openapi import problems
from viral_gateway.api.paging import Limit, Offset, each_once
from viral_gateway.api.prediction_schemas import ModelDetails, details_of
from viral_gateway.gateway import GatewayDep

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[Depends(each_once)])


@router.get("/model", summary="The model that answers", responses=problems(503))
async def model(gateway: GatewayDep) -> ModelDetails:
    """The champion as this gateway serves it, with its metrics."""
    return details_of(gateway.holder.get_serving())


@router.get("/models", summary="Every version with its verdict", responses=problems(422, 503))
def models(gateway: GatewayDep, limit: Limit = 100, offset: Offset = 0) -> Models:
    """The newest versions first, each with its metrics on validation and on test tweets."""
    return Models.of(gateway.records.models(limit, offset), gateway.records.champion())
