"""POST /v1/predictions"""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from viral_gateway.api.fast_route import ExpressRoute
from viral_gateway.api.openapi import problems
from viral_gateway.api.predict import predictions_of
from viral_gateway.api.prediction_schemas import ModelRef, PredictionsReply, PredictionsRequest
from viral_gateway.gateway import GatewayDep
from viral_gateway.prediction.author_lookup import with_authors

router = APIRouter(prefix="/v1", tags=["predictions"], route_class=ExpressRoute)
# The reply is made of dictionaries, and written without a look at each value: half of what a large one took.
_reply = TypeAdapter(PredictionsReply)


@router.post(
    "/predictions",
    summary="Will these tweets get likes?",
    response_model=PredictionsReply,
    responses=problems(400, 413, 415, 422, 503),
)
async def predict(request: PredictionsRequest, gateway: GatewayDep) -> Response:
    """Predict 1 to 256 tweets, all with the same model version. 503 with Retry-After until there is a model."""
    serving = gateway.holder.serving()
    now = datetime.now(UTC)
    tweets = await with_authors(
        gateway.authors, gateway.settings.min_age, serving, [tweet.to_input(now) for tweet in request.tweets]
    )
    predictions = await predictions_of(gateway.scoring, serving, tweets, explain=request.explain)
    gateway.prediction_log.note(
        serving.model.version, tweets, [prediction["probability"] for prediction in predictions]
    )
    reply = PredictionsReply(model=ModelRef.of(serving.model), predictions=predictions)
    return Response(_reply.dump_json(reply), media_type="application/json")
