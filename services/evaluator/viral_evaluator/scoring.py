"""Scores a registered version exactly as it would be served: download, verify, predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from viral_common.artefact import ArtefactSpec, read_artefact
from viral_common.features import TweetInput
from viral_common.predictor import Predictor


class Downloads(Protocol):
    """The part of the registry that scoring needs."""

    def download(self, artifact_uri: str, into: Path) -> Path:
        """Fetch an artefact directory."""


@dataclass(frozen=True)
class Scored:
    """A version's calibrated probabilities, shape (tweets,), and what its artefact says of it."""

    spec: ArtefactSpec
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """Keeps nothing: each artefact lives only as long as it is being scored."""

    registry: Downloads
    scratch: Path

    def score(self, artifact_uri: str, artifact_sha256: str, tweets: Sequence[TweetInput]) -> Scored:
        """Raises ArtefactError if the artefact is not what `artifact_sha256` promises, ServerAway without MLflow."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.scratch) as folder:
            directory = self.registry.download(artifact_uri, Path(folder))
            predictor = Predictor.load(read_artefact(directory, artifact_sha256))
            return Scored(predictor.spec, predictor.predict(tweets))
