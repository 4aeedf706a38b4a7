"""How far the tweets that are asked about lie from those that the champion was judged on."""

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

# So many of each are compared at most: enough for PSI, and quickly read and scored.
NEWEST = 5_000
HELD_OUT = 1_000
# With fewer predictions PSI says nothing.
LEAST = 100
# An answer is told again for so long: reading thousands of predictions for every look would be in their way.
TOLD_S = 10.0
SCORED_AT_ONCE = 64
# Only where both sides name authors do the authors' numbers compare.
OF_TOLD = frozenset(AUTHOR_FEATURES) - {"author_told"}


@dataclass(frozen=True)
class Reference:
    """The batch's held-out tweets and what the champion says of them."""

    features: NDArray[np.float32]  # (tweets, features)
    probabilities: NDArray[np.float64]  # (tweets,)


@dataclass(frozen=True)
class LiveDrift:
    """What was remembered of the champion's predictions, and how far it drifted."""

    count: int
    since: datetime
    until: datetime
    newest: int
    held_out: int
    drift: Drift | None
    """None: too few predictions, or the batch's tweets are no longer there."""


class LiveTraffic:
    """Scores the champion's held-out tweets once; each look reads the newest predictions."""

    def __init__(self, records: Records, min_age: timedelta) -> None:
        self._records, self._min_age = records, min_age
        self._lock = threading.Lock()
        self._scored: tuple[object, Reference] | None = None
        self._told: TTLCache[object, LiveDrift] = TTLCache(1, TOLD_S)

    def drift(self, serving: Serving) -> LiveDrift | None:
        """Of the version that serves; None if none of its predictions is remembered. Raises ServerAway."""
        asked = serving.model.batch_id, serving.model.model_version, serving.model.graph
        with self._lock:
            told = self._told.get(asked)
        if told is None and (told := self._compared(serving)) is not None:
            with self._lock:
                self._told[asked] = told
        return told

    def _compared(self, serving: Serving) -> LiveDrift | None:
        live = self._records.remembered(serving.model.model_version, NEWEST)
        if live is None:
            return None
        reference = self._reference(serving)
        newest, held_out = len(live.probabilities), len(reference.probabilities)
        enough = newest >= LEAST and held_out >= LEAST
        shifts = _shifts(reference, live.features, live.probabilities) if enough else []
        return LiveDrift(
            live.count, live.since, live.until, newest, held_out, Drift(shifts) if enough else None
        )

    def _reference(self, serving: Serving) -> Reference:
        with self._lock:
            # The model itself is not kept here: once it is replaced, its memory is to be free.
            asked = serving.model.batch_id, serving.model.graph
            if self._scored is None or self._scored[0] != asked:
                spec = serving.scorer.spec
                tweets = self._records.held_out(
                    serving.model.batch_id, HELD_OUT, LabelRule(spec.likes_threshold, self._min_age)
                )
                self._scored = (
                    asked,
                    Reference(compute_feature_matrix(tweets), _compute_probabilities(serving, tweets)),
                )
            return self._scored[1]


def _compute_probabilities(serving: Serving, tweets: list[TweetInput]) -> NDArray[np.float64]:
    parts = [
        serving.scorer.predict(tweets[start : start + SCORED_AT_ONCE])
        for start in range(0, len(tweets), SCORED_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _shifts(
    reference: Reference, features: NDArray[np.float32], probabilities: NDArray[np.float64]
) -> list[Shift]:
    shifts = [_shift("probability", reference.probabilities, probabilities)]
    for name, before, after in zip(FEATURES, reference.features.T, features.T, strict=True):
        if name in OF_TOLD:
            before, after = before[np.isfinite(before)], after[np.isfinite(after)]
        if min(len(before), len(after)) >= LEAST:
            shifts.append(_shift(name, before, after))
    return shifts


def _shift(
    name: str,
    before: NDArray[np.float32] | NDArray[np.float64],
    after: NDArray[np.float32] | NDArray[np.float64],
) -> Shift:
    first, second = count_in_bins(before.astype(np.float64), after.astype(np.float64))
    return Shift(name, compute_stability_index(first, second), estimate_chance_index(first, second))
