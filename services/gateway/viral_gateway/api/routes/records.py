"""Answer GET /v1/model, /v1/models and /v1/batches."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from viral_gateway.api.openapi import describe_problems
from viral_gateway.api.paging import Limit, Offset, refuse_repeated_parameters
from viral_gateway.api.prediction_schemas import ModelDetails
from viral_gateway.api.record_schemas import Batches, BatchOut, Models
from viral_gateway.gateway import GatewayDep

router = APIRouter(prefix="/v1", dependencies=[Depends(refuse_repeated_parameters)])


@router.get(
    "/model",
    tags=["models"],
    name="model",
    summary="The model that answers",
    responses=describe_problems(503),
)
async def get_model(gateway: GatewayDep) -> ModelDetails:
    """Get the champion as this gateway serves it, with its metrics."""
    return ModelDetails.from_serving(gateway.holder.get_serving())


@router.get(
    "/models",
    tags=["models"],
    name="models",
    summary="Every version with its verdict",
    responses=describe_problems(422, 503),
)
async def list_models(gateway: GatewayDep, limit: Limit = 100, offset: Offset = 0) -> Models:
    """List the versions, newest first, each with its metrics on validation and on test tweets."""
    records = gateway.records
    return await gateway.reads.read(
        lambda: Models.from_records(records.read_models(limit, offset), records.read_champion())
    )


@router.get(
    "/batches",
    tags=["batches"],
    name="batches",
    summary="What became of each batch",
    responses=describe_problems(422, 503),
)
async def list_batches(gateway: GatewayDep, limit: Limit = 100, offset: Offset = 0) -> Batches:
    """List each batch's trail, newest first: collected, trained, verdict, promoted, with times and counts."""
    batches = await gateway.reads.read(
        lambda: [BatchOut.from_trail(trail) for trail in gateway.records.read_batches(limit, offset)]
    )
    return Batches(batches=batches)
