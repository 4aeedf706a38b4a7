"""All that the form tells of one tweet, scored as one batch: the probability, why, and what if."""

from __future__ import annotations

from dataclasses import dataclass

from viral_common.tweets.features import TweetInput

from viral_gateway import telemetry
from viral_gateway.gateway import Gateway
from viral_gateway.prediction.author_lookup import with_authors
from viral_gateway.prediction.explain import Explanations, WordWeight
from viral_gateway.prediction.what_if import Outcome, WhatIf
from viral_gateway.serving.champion import Serving


@dataclass(frozen=True)
class Answer:
    """Wholly from one model version."""

    tweet: TweetInput
    probability: float
    weights: list[WordWeight]
    outcome: Outcome


async def answer_of(gateway: Gateway, serving: Serving, asked: TweetInput) -> Answer:
    """Raises QueueFull and ArtefactError."""
    [tweet] = await with_authors(gateway.authors, gateway.settings.min_age, serving, [asked])
    why, what_if = Explanations.of([tweet]), WhatIf.of(tweet)
    words = why.batch()
    probabilities = await gateway.scoring.probabilities(serving, [*words, *what_if.batch()])
    viral = probabilities[0] >= serving.scorer.spec.decision_threshold
    telemetry.PREDICTIONS.labels(str(viral).lower()).inc()
    gateway.prediction_log.note(serving.model.version, [tweet], probabilities[:1])
    [weights] = why.weights(probabilities[: len(words)])
    return Answer(tweet, probabilities[0], weights, what_if.outcome(probabilities[len(words) :]))
