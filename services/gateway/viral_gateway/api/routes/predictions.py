"""Answer POST /v1/predictions and /v1/rankings."""

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
    RankingReply,
    WordWeightOut,
)
from viral_gateway.api.request_schemas import PredictionsRequest, RankingRequest
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
        serving, [tweet.build_input(tweet.text, now) for tweet in request.tweets], explain=request.explain
    )
    reply = PredictionsReply(
        model=ModelRef.model_validate(serving.model), predictions=[_build_reply(each) for each in predictions]
    )
    return Response(_reply.dump_json(reply, exclude_none=True, by_alias=True), media_type="application/json")


@router.post(
    "/rankings",
    summary="Which of these drafts will get more likes?",
    response_model=RankingReply,
    responses=describe_problems(400, 413, 415, 422, 503),
)
async def rank(request: RankingRequest, gateway: GatewayDep) -> Response:
    """Rank 2 to 10 drafts of one account, and say which cannot be told apart."""
    serving, now = gateway.holder.get_serving(), datetime.now(UTC)
    drafts = [request.build_input(text, now) for text in request.drafts]
    ranking = await gateway.predictions.rank_drafts(serving, drafts)
    reply = RankingReply(
        model=ModelRef.model_validate(serving.model),
        usual=ranking.usual,
        author=AuthorOut.from_tweet(ranking.tweet),
        drafts=ranking.drafts,
    )
    return Response(reply.model_dump_json(exclude_none=True, by_alias=True), media_type="application/json")


def build_fast_routes(gateway: Gateway, handlers: Mapping[Any, Callable[..., Any]]) -> list[Middleware]:
    """Build what answers before FastAPI; errors are answered by `handlers`."""
    documented = [route for route in router.routes if isinstance(route, APIRoute)]
    answers: list[tuple[Any, Any]] = [(PredictionsRequest, predict), (RankingRequest, rank)]
    return [
        Middleware(
            FastRoute, route=route, model=model, endpoint=partial(answer, gateway=gateway), handlers=handlers
        )
        for route, (model, answer) in zip(documented, answers, strict=True)
    ]


def _build_reply(prediction: Prediction) -> PredictionOut:
    tweet, probability, viral, explanation, _ = prediction
    reply = PredictionOut(
        probability=probability, viral=viral, features=cast(Features, compute_features(tweet))
    )
    # Asked first: most tweets are of nobody known.
    if (tweet.author or tweet.profile) and (author := AuthorOut.from_tweet(tweet)):
        reply["author"] = author
    if explanation is not None:
        reply["usual"] = explanation.usual
        reply["explanation"] = [
            WordWeightOut(word=word.text, start=word.start, end=word.end, weight=weight)
            for word, weight, _ in explanation.weights
        ]
    return reply
