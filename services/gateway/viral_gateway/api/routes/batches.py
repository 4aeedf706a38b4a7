"""Answer GET /v1/batches."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from viral_gateway.api.batch_schemas import Batches, BatchOut
from viral_gateway.api.openapi import describe_problems
from viral_gateway.api.paging import Limit, Offset, refuse_repeated_parameters
from viral_gateway.gateway import GatewayDep

router = APIRouter(prefix="/v1", tags=["batches"], dependencies=[Depends(refuse_repeated_parameters)])


@router.get(
    "/batches", name="batches", summary="What became of each batch", responses=describe_problems(422, 503)
)
def list_batches(gateway: GatewayDep, limit: Limit = 100, offset: Offset = 0) -> Batches:
    """List each batch's trail, newest first: collected, trained, verdict, promoted, with times and counts."""
    return Batches(
        batches=[BatchOut.from_trail(trail) for trail in gateway.records.read_batches(limit, offset)]
    )
