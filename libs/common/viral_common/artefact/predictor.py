"""Score tweets with an artefact: onnxruntime, tokenizers and numpy, no torch and nothing that unpickles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from viral_common.artefact.files import GRAPHS, TOKENIZER, Artefact, ArtefactSpec
from viral_common.artefact.onnx_graph import read_graph
from viral_common.artefact.tokens import parse_tokenizer, tokenise
from viral_common.cores import count_usable_cores
from viral_common.errors import ArtefactError, OtherFeaturesError, summarise_error
from viral_common.events import Precision
from viral_common.tweets.features import FEATURES, TweetInput, compute_feature_matrix

# Tweets scored at once: more gains nothing on a CPU, and costs padding.
CHUNK = 32
# Tokens of padding that cost as much as a call of the graph; what would take more is scored by another call.
PADDING = 128
# Tweets whose tokens and features a thread makes before it scores them, sorted by length: while it is at that, the
# others score. Fewer need more padding.
PIECE = 512
# The graph's other output is not computed.
_ONLY_WHAT_IS_ASKED = onnxruntime.RunOptions()
_ONLY_WHAT_IS_ASKED.only_execute_path_to_fetches = True
# How far a processor may be from what the trainer's said of the sample: rounding differs between them.
SAMPLE_TOLERANCE = 1e-4


class Predictor:
    """Hold a loaded model. Safe to share between threads."""

    def __init__(
        self,
        spec: ArtefactSpec,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        threads: int,
    ) -> None:
        self.spec = spec
        self._session, self._tokenizer, self._threads = session, tokenizer, threads

    @classmethod
    def load(cls, artefact: Artefact, precision: Precision = "fp32", threads: int | None = None) -> Predictor:
        """Load one that answers its sample correctly. Raises ArtefactError for a model that cannot serve."""
        predictor = cls.load_unchecked(artefact.directory, artefact.spec, precision, threads)
        predictor._check_sample(artefact, precision)
        return predictor

    @classmethod
    def load_unchecked(
        cls, directory: Path, spec: ArtefactSpec, precision: Precision, threads: int | None = None
    ) -> Predictor:
        """Score on `threads` cores (default: all this process may use), with no look at the sample."""
        check_features(directory, spec)
        session = read_graph(directory / GRAPHS[precision], spec)
        threads = threads or count_usable_cores()
        return cls(spec, session, _read_tokenizer(directory, spec), threads)

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        """Predict calibrated probabilities in the tweets' order, shape (tweets,)."""
        return self.spec.calibration.compute_probabilities(self._compute("logit", tweets))

    def predict_log_likes(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        """Predict log(1 + likes) in the tweets' order, shape (tweets,)."""
        return self._compute("log_likes", tweets).astype(np.float64)

    def _compute(self, output: str, tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
        if len(tweets) <= PIECE:
            return self._compute_piece(output, tweets)
        pieces = [tweets[start : start + PIECE] for start in range(0, len(tweets), PIECE)]
        with ThreadPoolExecutor(min(self._threads, len(pieces))) as pool:
            return np.concatenate(list(pool.map(partial(self._compute_piece, output), pieces)))

    def _compute_piece(self, output: str, tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
        tokens = tokenise(self._tokenizer, [tweet.text for tweet in tweets])
        features = self.spec.features.scale_matrix(compute_feature_matrix(tweets))
        found = np.empty(len(tokens), dtype=np.float32)
        for rows in choose_chunks(tokens.lengths, CHUNK):
            input_ids, attention_mask = tokens.pad_rows(rows)
            feed = {"input_ids": input_ids, "attention_mask": attention_mask, "features": features[rows]}
            found[rows] = self._session.run([output], feed, _ONLY_WHAT_IS_ASKED)[0]
        if not np.isfinite(found).all():
            raise ArtefactError("the model's output is no number: its weights are damaged")
        return found

    def _check_sample(self, artefact: Artefact, precision: Precision) -> None:
        answered = self._score_sample(artefact)
        gap = float(np.abs(answered - _get_expected(artefact, precision)).max())
        if gap > SAMPLE_TOLERANCE:
            raise ArtefactError(
                f"{artefact.directory}: its sample scores {gap:.4f} away from what was trained"
            )

    def _score_sample(self, artefact: Artefact) -> NDArray[np.float64]:
        try:
            return self.predict([sample.tweet for sample in artefact.spec.sample])
        except ArtefactError as error:
            raise ArtefactError(f"{artefact.directory}: {error}") from error
        except Exception as error:  # whatever onnxruntime raises for a graph that cannot run
            raise ArtefactError(
                f"{artefact.directory}: cannot score its sample ({summarise_error(error)})"
            ) from error


def check_features(directory: Path, spec: ArtefactSpec) -> None:
    """Raise OtherFeaturesError for a model that reads other columns than this version computes."""
    if spec.features.names != FEATURES:
        raise OtherFeaturesError(f"{directory}: made for other features than this version computes")


def choose_chunks(lengths: NDArray[np.int64], size: int) -> Iterator[NDArray[np.intp]]:
    """Choose rows of about these lengths, shortest first, at most `size` at a time."""
    order = np.argsort(lengths, kind="stable")
    first, width = 0, 0
    for place, length in enumerate(lengths[order].tolist()):
        rows = place - first
        if rows and (rows == size or rows * (length - width) > PADDING):
            yield order[first:place]
            first = place
        width = length
    if len(order):
        yield order[first:]


def _get_expected(artefact: Artefact, precision: Precision) -> NDArray[np.float64]:
    sample = artefact.spec.sample
    if precision == "fp32":
        return np.array([one.probability for one in sample])
    stated = [one.int8_probability for one in sample if one.int8_probability is not None]
    if len(stated) < len(sample):
        raise ArtefactError(f"{artefact.directory}: does not say what its sample scores in {precision}")
    return np.array(stated)


def _read_tokenizer(directory: Path, spec: ArtefactSpec) -> Tokenizer:
    path = directory / TOKENIZER
    try:
        return _shared_tokenizer(path.read_bytes(), spec.max_tokens)
    except Exception as error:  # tokenizers raises bare Exception
        raise ArtefactError(f"{path}: not a tokenizer ({summarise_error(error)})") from error


# Model after model has the same one, and while it is read no other thread gets the interpreter. Nobody changes it.
_shared_tokenizer = lru_cache(maxsize=2)(parse_tokenizer)
