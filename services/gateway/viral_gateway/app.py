"""The web application: routers, errors, limits and headers put together."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Lifespan

from viral_gateway import error_handlers
from viral_gateway.api import openapi
from viral_gateway.api.routes import batches, events, health, models, predictions
from viral_gateway.gateway import Gateway
from viral_gateway.middleware.stack import layers
from viral_gateway.pages.routes import form, pipeline

DESCRIPTION = (
    "Will this tweet get more than N likes? Ask the model that the pipeline promoted last. "
    "Errors are `application/problem+json` (RFC 9457)."
)


def create_app(gateway: Gateway, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Everything that answers HTTP, over one `gateway`."""
    app = FastAPI(
        title="viral-tweets gateway",
        version=version("viral-tweets"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Metrics are Prometheus's, traces the log's: FastAPI would only ask at each request whether they are wanted.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=layers(gateway.settings),
    )
    app.state.gateway = gateway
    error_handlers.install(app)
    openapi.describe(app, asks_for_keys=bool(gateway.settings.allowed_keys()))
    # The innermost: all limits and headers are around it.
    app.user_middleware.append(predictions.build_fast_route(gateway, app.exception_handlers))
    for part in (predictions, models, batches, events, health, form, pipeline):
        app.include_router(part.router)
    app.mount("/static", _Files(directory=Path(__file__).parent / "static"), name="static")
    app.mount("/swagger", _Files(directory=_swagger_ui()), name="swagger")
    return app


class _Files(StaticFiles):
    """Asked for again each time, mostly for a 304, so that a new page never runs with a kept script of an old one."""

    def file_response(self, *file: Any, **more: Any) -> Response:
        reply = super().file_response(*file, **more)
        reply.headers["Cache-Control"] = "no-cache"
        return reply


def _swagger_ui() -> Path:
    # Only this package's files are used: a current Swagger UI. (The swagger-ui-bundle knows no OpenAPI 3.1.)
    return Path(str(files("fastapi_offline") / "static"))
