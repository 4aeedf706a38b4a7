"""Hold the champion: what to fetch, and what to say to those who ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from viral_common.artefact.files import ArtefactSpec
from viral_common.errors import ViralError
from viral_common.stores.champion import Champion
from viral_common.tweets.features import TweetInput

NOTHING_PROMOTED = "no model has been promoted yet"


class NoModelYet(ViralError):
    """Say that no model serves: none was promoted, or it could not be fetched yet."""


class Scorer(Protocol):
    """Score tweets, as `viral_common.artefact.predictor.Predictor` does."""

    spec: ArtefactSpec

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]: ...

    def predict_log_likes(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Serving:
    """Hold a champion and its loaded model. A request keeps the one it began with, so its reply is of one version."""

    model: Champion
    scorer: Scorer
    from_cache: bool = False
    """Restored at start and not confirmed by Postgres since."""
    artefact_signed: bool = False
    promotion_signed: bool = False

    @property
    def signed(self) -> bool:
        """Whether trusted keys signed all of it; what is not serves only where that is allowed."""
        return self.artefact_signed and self.promotion_signed


@dataclass(frozen=True)
class Refusal:
    """Say which promoted artefact may not serve, and why, in one line."""

    version: int
    promotion_seq: int
    reason: str
    refused_at: datetime


class ModelHolder:
    """Hold what serves now. Readers take the reference once; only the swapper sets it."""

    def __init__(self) -> None:
        self.current: Serving | None = None
        self.refused: Refusal | None = None
        self.obstacle: str | None = None
        """While none serves: what keeps a promoted one from it. None: nothing is known to be promoted."""

    @property
    def missing(self) -> str:
        """Why none serves, in words."""
        return self.obstacle or NOTHING_PROMOTED

    def get_serving(self) -> Serving:
        """Get what serves now. Raises NoModelYet."""
        if self.current is None:
            raise NoModelYet(make_sentence(self.missing))
        return self.current


def make_sentence(words: str) -> str:
    """Make a sentence of some words: `no model` becomes `No model.`."""
    return f"{words[0].upper()}{words[1:]}."
