"""Measure how far the tweets that are asked about lie from those that the champion was judged on."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray
from viral_common.evaluation.drift import compute_stability_index, count_in_bins, estimate_chance_index
from viral_common.tweets.features import AUTHOR_FEATURES, FEATURES, TweetInput, compute_feature_matrix
from viral_common.tweets.label_rule import LabelRule

from viral_gateway.monitoring.drift import Drift, Shift
from viral_gateway.records import Records
from viral_gateway.serving.champion import Serving
from viral_gateway.stores.predictions import RecentPredictions

# So many of each are compared at most: enough for PSI, and quickly read and scored.
NEWEST = 5_000
TEST_TWEETS = 1_000
# With fewer predictions PSI says nothing.
LEAST = 100
# An answer is given again for so long: reading thousands of predictions for every look would be in their way.
ANSWER_KEPT_S = 10.0
SCORED_AT_ONCE = 64
# Only where both sides name authors do the authors' numbers compare.
OF_KNOWN_AUTHORS = frozenset(AUTHOR_FEATURES) - {"author_known"}


@dataclass(frozen=True)
class Reference:
    """Hold the batch's test tweets and what the champion says of them."""

    features: NDArray[np.float32]  # (tweets, features)
    probabilities: NDArray[np.float64]  # (tweets,)


@dataclass(frozen=True)
class LiveDrift:
    """Hold how many of the champion's predictions were logged, and how far they drifted."""

    count: int
    since: datetime
    until: datetime
    newest: int
    test_count: int
    drift: Drift | None
    """None: too few predictions, or the batch's tweets are no longer there."""


class LiveTraffic:
    """Score the champion's test tweets once; each look reads the newest predictions."""

    def __init__(self, records: Records, min_age: timedelta) -> None:
        self._records, self._min_age = records, min_age
        self._lock = threading.Lock()
        self._scored: tuple[object, Reference] | None = None
        self._answers: TTLCache[object, LiveDrift] = TTLCache(1, ANSWER_KEPT_S)

    def measure_drift(self, serving: Serving) -> LiveDrift | None:
        """Measure that of the version that serves; None if none of its predictions was logged. Raises ServerAway."""
        asked = serving.model.batch_id, serving.model.model_version, serving.model.graph
        with self._lock:
            answer = self._answers.get(asked)
        if answer is None and (answer := self._compare(serving)) is not None:
            with self._lock:
                self._answers[asked] = answer
        return answer

    def _compare(self, serving: Serving) -> LiveDrift | None:
        live = self._records.read_recent_predictions(serving.model.model_version, NEWEST)
        if live is None:
            return None
        reference = self._score_reference(serving)
        newest, test_count = len(live.probabilities), len(reference.probabilities)
        enough = newest >= LEAST and test_count >= LEAST
        shifts = _measure_shifts(reference, live) if enough else []
        return LiveDrift(
            live.count, live.since, live.until, newest, test_count, Drift(shifts) if enough else None
        )

    def _score_reference(self, serving: Serving) -> Reference:
        with self._lock:
            # The model itself is not kept here: once it is replaced, its memory is to be free.
            asked = serving.model.batch_id, serving.model.graph
            if self._scored is None or self._scored[0] != asked:
                spec = serving.scorer.spec
                tweets = self._records.read_test_tweets(
                    serving.model.batch_id, TEST_TWEETS, LabelRule(spec.likes_threshold, self._min_age)
                )
                self._scored = (
                    asked,
                    Reference(compute_feature_matrix(tweets), _compute_score_tweets(serving, tweets)),
                )
            return self._scored[1]


def _compute_score_tweets(serving: Serving, tweets: list[TweetInput]) -> NDArray[np.float64]:
    parts = [
        serving.scorer.predict(tweets[start : start + SCORED_AT_ONCE])
        for start in range(0, len(tweets), SCORED_AT_ONCE)
    ]
    return np.concatenate([np.empty(0), *parts])


def _measure_shifts(reference: Reference, live: RecentPredictions) -> list[Shift]:
    shifts = [_measure_shift("probability", reference.probabilities, live.probabilities)]
    for name, before, after in zip(FEATURES, reference.features.T, live.features.T, strict=True):
        if name in OF_KNOWN_AUTHORS:
            before, after = before[np.isfinite(before)], after[np.isfinite(after)]
        if min(len(before), len(after)) >= LEAST:
            shifts.append(_measure_shift(name, before, after))
    return shifts


def _measure_shift(
    name: str,
    before: NDArray[np.float32] | NDArray[np.float64],
    after: NDArray[np.float32] | NDArray[np.float64],
) -> Shift:
    first, second = count_in_bins(before.astype(np.float64), after.astype(np.float64))
    return Shift(name, compute_stability_index(first, second), estimate_chance_index(first, second))
