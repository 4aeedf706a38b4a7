"""GET /v1/batches"""

from __future__ import annotations

from fastapi import APIRouter, Depends

from viral_gateway.api.batch_schemas import Batches, BatchOut
from viral_gateway.api.openapi import problems
from viral_gateway.api.paging import Limit, Offset, each_once
from viral_gateway.gateway import GatewayDep

router = APIRouter(prefix="/v1", tags=["batches"], dependencies=[Depends(each_once)])


@router.get("/batches", summary="What became of each batch", responses=problems(422, 503))
def batches(gateway: GatewayDep, limit: Limit = 100, offset: Offset = 0) -> Batches:
    """Each batch's trail, newest first: collected, trained, verdict, promoted, with times and counts."""
    return Batches(batches=[BatchOut.of(trail) for trail in gateway.records.batches(limit, offset)])
