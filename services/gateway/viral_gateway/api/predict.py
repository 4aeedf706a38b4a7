"""From tweets to predictions, as the API answers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from viral_common.tweets.features import TweetInput, features_of

from viral_gateway import telemetry
from viral_gateway.api.prediction_schemas import AuthorOut, Features, PredictionOut, WordWeightOut
from viral_gateway.prediction.batching import Scoring
from viral_gateway.prediction.explain import Explanations, WordWeight
from viral_gateway.serving.champion import Serving

_VIRAL, _NOT_VIRAL = telemetry.PREDICTIONS.labels("true"), telemetry.PREDICTIONS.labels("false")


async def predictions_of(
    scoring: Scoring, serving: Serving, tweets: Sequence[TweetInput], *, explain: bool
) -> list[PredictionOut]:
    """In the tweets' order, all from `serving`. Explanations are scored in the same batch."""
    if explain:
        explanations = Explanations.of(tweets)
        probabilities = await scoring.probabilities(serving, explanations.batch())
        weights: Sequence[list[WordWeight] | None] = explanations.weights(probabilities)
    else:
        probabilities = await scoring.probabilities(serving, tweets)
        weights = [None] * len(tweets)
    predictions = [
        _prediction(tweet, probability, weight, serving.scorer.spec.decision_threshold)
        for tweet, probability, weight in zip(tweets, probabilities, weights, strict=False)
    ]
    viral = sum(prediction["viral"] for prediction in predictions)
    _VIRAL.inc(viral)
    _NOT_VIRAL.inc(len(predictions) - viral)
    return predictions


def _prediction(
    tweet: TweetInput, probability: float, weights: list[WordWeight] | None, decision_threshold: float
) -> PredictionOut:
    prediction = PredictionOut(
        probability=probability,
        viral=probability >= decision_threshold,
        features=cast(Features, features_of(tweet)),
    )
    if known := tweet.author:
        prediction["author"] = AuthorOut(tweets=known.tweets, settled=known.settled, viral=known.viral)
    if weights is not None:
        prediction["explanation"] = [_weight(weight) for weight in weights]
    return prediction


def _weight(found: WordWeight) -> WordWeightOut:
    word = found.word
    return WordWeightOut(word=word.text, start=word.start, end=word.end, weight=found.weight)
