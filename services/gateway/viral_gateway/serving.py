"""The model that answers: one reference to a frozen pair, swapped as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from viral_common.artefact import ArtefactSpec
from viral_common.errors import ViralError
from viral_common.features import TweetInput

from viral_gateway.promoted import PromotedModel

NOTHING_PROMOTED = "no model has been promoted yet"


class NoModelYet(ViralError):
    """Nothing was promoted so far, or it could not be fetched yet."""


class Scorer(Protocol):
    """What the gateway needs of a loaded model; `viral_common.predictor.Predictor` is one."""

    spec: ArtefactSpec

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Serving:
    """A promotion and its loaded model. A request takes one and keeps it, so its reply is of one version."""

    model: PromotedModel
    scorer: Scorer
    from_cache: bool = False
    """Restored at start and not confirmed by Postgres since."""


@dataclass(frozen=True)
class Refusal:
    """A promoted artefact that may not serve, and why, in one line."""

    version: int
    promotion_seq: int
    reason: str
    refused_at: datetime


class ModelHolder:
    """The current Serving. Readers take the reference once; only the swapper sets it."""

    def __init__(self) -> None:
        self.current: Serving | None = None
        self.refused: Refusal | None = None
        self.obstacle: str | None = None
        """While none serves: what keeps a promoted one from it. None: nothing is known to be promoted."""

    @property
    def missing(self) -> str:
        """Why none serves, in words."""
        return self.obstacle or NOTHING_PROMOTED

    def serving(self) -> Serving:
        """Raises NoModelYet."""
        if self.current is None:
            raise NoModelYet(as_sentence(self.missing))
        return self.current


def as_sentence(words: str) -> str:
    """`no model` -> `No model.`"""
    return f"{words[0].upper()}{words[1:]}."
