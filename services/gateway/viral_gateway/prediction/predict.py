"""Predict and rank tweets: look their authors up, score, explain, count and log. API and pages come through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool
from viral_common.tweets.features import TweetInput

from viral_gateway import telemetry
from viral_gateway.monitoring.prediction_log import PredictionLog
from viral_gateway.prediction.author_cache import AuthorCache
from viral_gateway.prediction.batching import Scoring
from viral_gateway.prediction.explain import Explanation, Explanations
from viral_gateway.prediction.noise import Scored
from viral_gateway.prediction.ranking import Ranking
from viral_gateway.prediction.what_if import Outcome, WhatIf
from viral_gateway.serving.champion import Serving

_VIRAL, _NOT_VIRAL = telemetry.PREDICTIONS.labels("true"), telemetry.PREDICTIONS.labels("false")


class Prediction(NamedTuple):
    """Hold one tweet's prediction; `tweet` has what is known of its author."""

    tweet: TweetInput
    probability: float
    viral: bool
    explanation: Explanation | None = None
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
        tweets = await self.authors.add_authors(serving, tweets, self.min_age)
        why = Explanations.from_tweets(tweets) if explain else None
        alternatives = [WhatIf.from_tweet(tweet) for tweet in tweets] if what_if else []
        batch = why.build_batch() if why else tweets
        if alternatives:
            batch = [*batch, *(variant for each in alternatives for variant in each.build_batch())]
        probabilities = await self.scoring.score_tweets(serving, batch)
        predictions = self._record(serving, tweets, probabilities[: len(tweets)])
        if why is None:
            return predictions
        spec = serving.scorer.spec
        # Only people are shown what is noise: programs do not wait for likes.
        log_likes = await self._score_likes(serving, batch) if what_if else [None] * len(batch)
        scores = map(Scored, probabilities, log_likes)
        explanations = why.compute_explanations(scores, spec)
        outcomes: Sequence[Outcome | None] = [each.compute_outcome(scores, spec) for each in alternatives]
        return [
            prediction._replace(explanation=explanation, what_if=outcome)
            for prediction, explanation, outcome in zip(
                predictions, explanations, outcomes or [None] * len(tweets), strict=True
            )
        ]

    async def rank_drafts(self, serving: Serving, drafts: Sequence[TweetInput]) -> Ranking:
        """Rank tweets that differ in their text alone, with what is usual for their account, all by `serving`.

        Raises QueueFull and ArtefactError.
        """
        drafts = await self.authors.add_authors(serving, drafts, self.min_age)
        batch = [*drafts, drafts[0].hide_content()]
        probabilities = await self.scoring.score_tweets(serving, batch)
        *scores, usual = map(Scored, probabilities, await self._score_likes(serving, batch))
        self._record(serving, drafts, probabilities[:-1])
        return Ranking.from_scores(drafts[0], usual, scores, serving.scorer.spec)

    def _record(
        self, serving: Serving, tweets: Sequence[TweetInput], probabilities: Sequence[float]
    ) -> list[Prediction]:
        threshold = serving.scorer.spec.decision_threshold
        viral = [probability >= threshold for probability in probabilities]
        _VIRAL.inc(sum(viral))
        _NOT_VIRAL.inc(len(tweets) - sum(viral))
        self.log.record(serving.model.model_version, tweets, probabilities)
        return list(map(Prediction, tweets, probabilities, viral))

    async def _score_likes(
        self, serving: Serving, tweets: Sequence[TweetInput]
    ) -> Sequence[float] | Sequence[None]:
        """Score expected log likes; None for each where the model does not say them."""
        if serving.scorer.spec.likes is None:
            return [None] * len(tweets)
        scored: list[float] = (await run_in_threadpool(serving.scorer.predict_log_likes, tweets)).tolist()
        return scored
