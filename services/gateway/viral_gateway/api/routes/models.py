"""Answer GET /v1/model and GET /v1/models."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from viral_gateway.api.model_schemas import Models
from viral_gateway.api.openapi import describe_problems
from viral_gateway.api.paging import Limit, Offset, refuse_repeated_parameters
from viral_gateway.api.prediction_schemas import ModelDetails
from viral_gateway.gateway import GatewayDep

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[Depends(refuse_repeated_parameters)])


@router.get("/model", name="model", summary="The model that answers", responses=describe_problems(503))
async def get_model(gateway: GatewayDep) -> ModelDetails:
    """Get the champion as this gateway serves it, with its metrics."""
    return ModelDetails.from_serving(gateway.holder.get_serving())


@router.get(
    "/models", name="models", summary="Every version with its verdict", responses=describe_problems(422, 503)
)
def list_models(gateway: GatewayDep, limit: Limit = 100, offset: Offset = 0) -> Models:
    """List the versions, newest first, each with its metrics on validation and on test tweets."""
    return Models.from_records(gateway.records.read_models(limit, offset), gateway.records.read_champion())
