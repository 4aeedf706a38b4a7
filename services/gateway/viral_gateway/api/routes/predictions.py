"""Answer POST /v1/predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.middleware import Middleware
from viral_common.tweets.features import compute_features

from viral_gateway.api.fast_route import FastRoute
from viral_gateway.api.openapi import describe_problems
from viral_gateway.api.prediction_schemas import (
    AuthorOut,
    Features,
    ModelRef,
    PredictionOut,
    PredictionsReply,
    PredictionsRequest,
    WordWeightOut,
)
from viral_gateway.gateway import Gateway, GatewayDep
from viral_gateway.prediction.predict import Prediction

router = APIRouter(prefix="/v1", tags=["predictions"])
# The reply is made of dictionaries, and written without a look at each value: half of what a large one took.
_reply = TypeAdapter(PredictionsReply)


@router.post(
    "/predictions",
    summary="Will these tweets get likes?",
    response_model=PredictionsReply,
    responses=describe_problems(400, 413, 415, 422, 503),
)
async def predict(request: PredictionsRequest, gateway: GatewayDep) -> Response:
    """Predict 1 to 256 tweets, all with the same model version. 503 with Retry-After until there is a model."""
    serving = gateway.holder.get_serving()
    now = datetime.now(UTC)
    predictions = await gateway.predictions.predict_tweets(
        serving, [tweet.to_input(now) for tweet in request.tweets], explain=request.explain
    )
    reply = PredictionsReply(
        model=ModelRef.model_validate(serving.model), predictions=[_build_reply(each) for each in predictions]
    )
    return Response(_reply.dump_json(reply), media_type="application/json")


def build_fast_route(gateway: Gateway, handlers: Mapping[Any, Callable[..., Any]]) -> Middleware:
    """Build what answers before FastAPI; errors are answered by `handlers`."""
    [documented] = [route for route in router.routes if isinstance(route, APIRoute)]
    endpoint = partial(predict, gateway=gateway)
    return Middleware(
        FastRoute, route=documented, model=PredictionsRequest, endpoint=endpoint, handlers=handlers
    )


def _build_reply(prediction: Prediction) -> PredictionOut:
    tweet, probability, viral, weights, _ = prediction
    reply = PredictionOut(
        probability=probability, viral=viral, features=cast(Features, compute_features(tweet))
    )
    if known := tweet.author:
        reply["author"] = AuthorOut(tweets=known.tweets, settled=known.settled, viral=known.viral)
    if weights is not None:
        reply["explanation"] = [
            WordWeightOut(word=word.text, start=word.start, end=word.end, weight=weight)
            for word, weight in weights
        ]
    return reply
