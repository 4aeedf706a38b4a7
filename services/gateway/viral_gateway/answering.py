"""All that the form tells of one tweet, scored as one batch: the probability, why, and what if."""

from __future__ import annotations

from dataclasses import dataclass

from viral_common.features import TweetInput

from viral_gateway import metrics
from viral_gateway.authors import with_authors
from viral_gateway.context import Gateway
from viral_gateway.explain import Explanations, WordWeight
from viral_gateway.serving import Serving
from viral_gateway.what_if import Outcome, WhatIf


@dataclass(frozen=True)
class Answer:
    """Wholly from one model version."""

    tweet: TweetInput
    probability: float
    weights: list[WordWeight]
    outcome: Outcome


async def answer_of(gateway: Gateway, serving: Serving, asked: TweetInput) -> Answer:
    """Raises QueueFull and ArtefactError."""
    [tweet] = await with_authors(gateway, serving, [asked])
    why, what_if = Explanations.of([tweet]), WhatIf.of(tweet)
    words = why.batch()
    probabilities = await gateway.scoring.probabilities(serving, [*words, *what_if.batch()])
    viral = probabilities[0] >= serving.scorer.spec.decision_threshold
    metrics.PREDICTIONS.labels(str(viral).lower()).inc()
    gateway.prediction_log.note(serving.model.version, [tweet], probabilities[:1])
    [weights] = why.weights(probabilities[: len(words)])
    return Answer(tweet, probabilities[0], weights, what_if.outcome(probabilities[len(words) :]))
