"""Choose on validation tweets from where on a model calls tweets viral, and check whether its shares are true."""

from __future__ import annotations

import numpy as np
from viral_common.artefact.files import DECISION_THRESHOLD
from viral_common.artefact.training_summary import ReliabilityBin
from viral_common.evaluation.scores import Floats, Labels, find_bins

# Below this share of viral tweets the likelier class would hardly ever be "viral".
RARE = 0.2


def choose_decision_threshold(labels: Labels, probabilities: Floats) -> float:
    """Choose one half; where viral tweets are rare, what calls as many viral as are (docs/decisions/0012)."""
    rate = float(labels.mean())
    if rate >= RARE:
        return DECISION_THRESHOLD
    return min(DECISION_THRESHOLD, float(np.quantile(probabilities, 1 - rate)))


def measure_reliability(labels: Labels, probabilities: Floats) -> tuple[ReliabilityBin, ...]:
    """Measure stated beside true shares, in ten bins of about equally many tweets, the least likely first."""
    bins = find_bins(probabilities)
    return tuple(
        ReliabilityBin(
            count=int((bins == one).sum()),
            stated_rate=float(probabilities[bins == one].mean()),
            viral_rate=float(labels[bins == one].mean()),
        )
        for one in np.unique(bins)
    )
