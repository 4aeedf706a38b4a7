"""Assemble the web application: routers, errors, limits and headers."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Lifespan, Scope

from viral_gateway import error_handlers
from viral_gateway.api import openapi
from viral_gateway.api.routes import events, health, predictions, records
from viral_gateway.gateway import Gateway
from viral_gateway.middleware.access import Access
from viral_gateway.middleware.stack import build_middleware
from viral_gateway.pages.routes import form, pipeline, sign_in

DESCRIPTION = (
    "Will this tweet get more than N likes? Ask the model that the pipeline promoted last. "
    "Errors are `application/problem+json` (RFC 9457)."
)


def create_app(gateway: Gateway, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Build what answers HTTP, over one `gateway`."""
    settings = gateway.settings
    access = Access(settings) if settings.asks_for_keys else None
    app = FastAPI(
        title="viral-tweets gateway",
        version=version("viral-tweets"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Its address would be built from whatever Host the caller sent.
        redirect_slashes=False,
        # Metrics are Prometheus's, traces the log's: FastAPI would only ask at each request whether they are wanted.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=build_middleware(settings, access, sign_in.render_sign_in),
    )
    app.state.gateway, app.state.access = gateway, access
    error_handlers.install(app)
    openapi.describe(app, asks_for_keys=settings.asks_for_keys)
    # The innermost: all limits and headers are around it.
    app.user_middleware += predictions.build_fast_routes(gateway, app.exception_handlers)
    for part in (predictions, records, events, health, form, pipeline):
        app.include_router(part.router)
    if access:
        app.include_router(sign_in.router)
    if access and settings.oidc_issuer:
        from viral_gateway.pages.routes import oidc

        app.include_router(oidc.build_router(settings, access))
    app.mount("/static", _Files(directory=Path(__file__).parent / "static"), name="static")
    # Only this package's files are used: a current Swagger UI. (The swagger-ui-bundle knows no OpenAPI 3.1.)
    swagger_ui = Path(str(files("fastapi_offline") / "static"))
    app.mount("/swagger", _Files(directory=swagger_ui), name="swagger")
    return app


class _Files(StaticFiles):
    """Have files asked for again each time, mostly for a 304, so that no page runs with a kept script of another."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        reply = await super().get_response(path, scope)
        reply.headers["Cache-Control"] = "no-cache"
        return reply
