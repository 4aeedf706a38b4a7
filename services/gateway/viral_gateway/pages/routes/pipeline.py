"""Answer GET /pipeline."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from viral_common.errors import ServerAway

from viral_gateway.gateway import GatewayDep
from viral_gateway.middleware.access import has_role
from viral_gateway.monitoring import drift, live_drift
from viral_gateway.pages.pipeline import PipelineView
from viral_gateway.pages.templates import render_page
from viral_gateway.problems import RETRY_AFTER_S
from viral_gateway.stores.predictions import MOST_COUNTED

router = APIRouter(include_in_schema=False)


@router.get("/pipeline")
async def show_pipeline(
    request: Request, gateway: GatewayDep, number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1
) -> Response:
    """Show some batches' trails, newest first; without Postgres, a note and what this process knows."""
    serving = gateway.holder.current  # once: a swap in between would mix two versions on the page
    read = partial(PipelineView.from_gateway, gateway, serving, number, with_audit=has_role(request, "admin"))
    try:
        view = await gateway.reads.read(read)
    except ServerAway as error:
        view = PipelineView(number, away=str(error))
    return await run_in_threadpool(
        render_page,
        request,
        "pipeline.html",
        gateway,
        serving,
        *((503, RETRY_AFTER_S) if view.away else ()),
        view=view,
        drift_rule=drift.RULE,
        least=live_drift.LEAST,
        most_counted=MOST_COUNTED,
    )
