"""Score a registered version exactly as it would be served: download, verify, predict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from viral_common.artefact.files import Artefact, ArtefactSpec, read_artefact
from viral_common.artefact.trial import load_tried
from viral_common.database.tables import Promotion, Training
from viral_common.errors import ArtefactError
from viral_common.events import Precision
from viral_common.signing.trust import Trust
from viral_common.tweets.tweet import take_inputs

from viral_evaluator.held_out import HeldOutTweets

log = structlog.get_logger()


class Downloads(Protocol):
    """Be the part of the registry that scoring needs."""

    def download(self, artifact_uri: str, into: Path) -> Path:
        """Fetch an artefact directory."""


@dataclass(frozen=True)
class Scored:
    """Hold a version's calibrated probabilities, and what its artefact says of it."""

    spec: ArtefactSpec
    probabilities: NDArray[np.float64]  # (tweets,)
    paired: NDArray[np.float64]  # (paired tweets,)
    paired_log_likes: NDArray[np.float64]  # (paired tweets,)


@dataclass(frozen=True)
class Scorer:
    """Score artefacts, and keep none longer than it is being scored.

    Both raise ArtefactError if the artefact is not what its row promises, SignatureError if no trusted key signed it,
    ServerAway without MLflow.
    """

    registry: Downloads
    scratch: Path
    trust: Trust

    def score(self, champion: Promotion, tweets: HeldOutTweets) -> Scored:
        """Score the champion as it is served."""
        self.trust.check_promotion(champion)
        with self._fetch(champion) as artefact:
            return _score_graph(artefact, tweets, champion.precision)

    def score_each(self, training: Training, tweets: HeldOutTweets) -> dict[Precision, Scored]:
        """Score a challenger in fp32, and in int8 if there is such a graph and it works here."""
        with self._fetch(training, training.event_id) as artefact:
            scored: dict[Precision, Scored] = {"fp32": _score_graph(artefact, tweets, "fp32")}
            if "int8" in artefact.precisions:
                try:
                    scored["int8"] = _score_graph(artefact, tweets, "int8")
                except ArtefactError as error:
                    log.warning("not to be served in int8", reason=str(error))
            return scored

    @contextmanager
    def _fetch(self, row: Promotion | Training, event_id: UUID | None = None) -> Iterator[Artefact]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.scratch) as folder:
            directory = self.registry.download(row.artifact_uri, Path(folder))
            artefact = read_artefact(directory, row.artifact_sha256)
            self.trust.check_artefact(artefact.signature, artefact.sha256, row.batch_id, event_id)
            yield artefact


def _score_graph(artefact: Artefact, tweets: HeldOutTweets, precision: Precision) -> Scored:
    predictor = load_tried(artefact, precision)
    paired = take_inputs(tweets.paired)
    probabilities, of_pairs = np.split(predictor.predict([*tweets.inputs, *paired]), [len(tweets.inputs)])
    return Scored(predictor.spec, probabilities, of_pairs, predictor.predict_log_likes(paired))
