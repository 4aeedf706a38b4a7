"""Tell a difference between two tweets of one account from noise."""

from __future__ import annotations

from typing import NamedTuple

from viral_common.artefact.files import DECISION_THRESHOLD, ArtefactSpec

# A smaller step of a probability is noise, where a model does not know its own; as much less as viral tweets are rare.
WEAK = 0.01


class Scored(NamedTuple):
    """Hold what a model says of a tweet; expected log likes only where it was asked for them."""

    probability: float
    log_likes: float | None = None


def is_clear(one: Scored, other: Scored, spec: ArtefactSpec) -> bool:
    """Tell whether they differ by more than the model's noise."""
    if spec.drafts is None or one.log_likes is None or other.log_likes is None:
        weak = WEAK * spec.decision_threshold / DECISION_THRESHOLD
        return abs(one.probability - other.probability) >= weak
    return spec.drafts.is_clear(one.log_likes - other.log_likes)
