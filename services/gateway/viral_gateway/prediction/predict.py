"""Predict tweets: look their authors up, score, explain, count and log. The API and the form both come through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from viral_common.tweets.features import TweetInput

from viral_gateway import telemetry
from viral_gateway.monitoring.prediction_log import PredictionLog
from viral_gateway.prediction.author_cache import AuthorCache
from viral_gateway.prediction.batching import Scoring
from viral_gateway.prediction.explain import Explanations, WordWeight
from viral_gateway.prediction.what_if import Outcome, WhatIf
from viral_gateway.serving.champion import Serving

_VIRAL, _NOT_VIRAL = telemetry.PREDICTIONS.labels("true"), telemetry.PREDICTIONS.labels("false")


class Prediction(NamedTuple):
    """Hold one tweet's prediction; `tweet` has its author's history where that is known."""

    tweet: TweetInput
    probability: float
    viral: bool
    weights: list[WordWeight] | None = None
    what_if: Outcome | None = None


@dataclass(frozen=True)
class PredictionService:
    """Hold what a prediction needs beside a model."""

    scoring: Scoring
    authors: AuthorCache
    log: PredictionLog
    min_age: timedelta

    async def predict_tweets(
        self, serving: Serving, tweets: Sequence[TweetInput], *, explain: bool = False, what_if: bool = False
    ) -> list[Prediction]:
        """Predict in the tweets' order, all by `serving`; the variants that explain are scored in the same batch.

        Raises QueueFull and ArtefactError.
        """
        tweets = await self.authors.add_histories(serving, tweets, self.min_age)
        why = Explanations.from_tweets(tweets) if explain else None
        alternatives = [WhatIf.from_tweet(tweet) for tweet in tweets] if what_if else []
        batch = why.build_batch() if why else tweets
        end = len(batch)
        if alternatives:
            batch = [*batch, *(variant for each in alternatives for variant in each.build_batch())]
        scores = await self.scoring.score_tweets(serving, batch)
        probabilities, threshold = scores[: len(tweets)], serving.scorer.spec.decision_threshold
        viral = sum(probability >= threshold for probability in probabilities)
        _VIRAL.inc(viral)
        _NOT_VIRAL.inc(len(tweets) - viral)
        self.log.record(serving.model.model_version, tweets, probabilities)
        weights = why.compute_weights(scores[:end]) if why else [None] * len(tweets)
        rest = iter(scores[end:])
        outcomes: Sequence[Outcome | None] = [each.compute_outcome(rest) for each in alternatives]
        return [
            Prediction(tweet, probability, probability >= threshold, weight, outcome)
            for tweet, probability, weight, outcome in zip(
                tweets, probabilities, weights, outcomes or [None] * len(tweets), strict=True
            )
        ]
