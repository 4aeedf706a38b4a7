"""Scoring tweets with an artefact: onnxruntime, tokenizers and numpy, no torch and nothing that unpickles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from viral_common.artefact import MODEL, TOKENIZER, Artefact, ArtefactSpec
from viral_common.errors import ArtefactError
from viral_common.features import FEATURES, TweetInput, feature_matrix
from viral_common.tokens import chunks_by_length, padded, read_tokenizer, tokenised

# Rows scored at once: more gains nothing on a CPU and costs memory with long texts.
CHUNK = 64
SAMPLE_TOLERANCE = 1e-4
# A protobuf string entry `location`: weights kept outside the file, where no digest covers them.
_EXTERNAL_DATA = b"\x0a\x08location\x12"


class Predictor:
    """A loaded model that answered its own sample correctly. Safe to share between threads."""

    def __init__(
        self, spec: ArtefactSpec, session: onnxruntime.InferenceSession, tokenizer: Tokenizer
    ) -> None:
        self.spec = spec
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, artefact: Artefact, threads: int | None = None) -> Predictor:
        """Make a predictor on `threads` cores (default: all). Raises ArtefactError for a model that cannot serve."""
        if artefact.spec.features.names != FEATURES:
            raise ArtefactError(f"{artefact.directory}: made for other features than this version computes")
        predictor = cls(artefact.spec, _session(artefact, threads), _tokenizer(artefact))
        predictor._check_sample(artefact)
        return predictor

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        """Calibrated probabilities in the tweets' order, shape (tweets,)."""
        tokens = tokenised(self._tokenizer, [tweet.text for tweet in tweets])
        features = self.spec.features.scaled(feature_matrix(tweets))
        logits = np.empty(len(tweets), dtype=np.float32)
        for chunk in chunks_by_length(tokens, CHUNK):
            input_ids, attention_mask = padded([tokens[index] for index in chunk])
            feed = {"input_ids": input_ids, "attention_mask": attention_mask, "features": features[chunk]}
            logits[chunk] = self._session.run([self.spec.output], feed)[0]
        if not np.isfinite(logits).all():
            raise ArtefactError("the model's output is no number: its weights are damaged")
        return self.spec.calibration.probabilities(logits)

    def _check_sample(self, artefact: Artefact) -> None:
        expected = np.array([sample.probability for sample in artefact.spec.sample])
        try:
            answered = self.predict([sample.tweet for sample in artefact.spec.sample])
        except ArtefactError as error:
            raise ArtefactError(f"{artefact.directory}: {error}") from error
        except Exception as error:  # whatever onnxruntime raises for a graph that cannot run
            raise ArtefactError(
                f"{artefact.directory}: cannot score its sample ({_first_line(error)})"
            ) from error
        if (gap := float(np.abs(answered - expected).max())) > SAMPLE_TOLERANCE:
            raise ArtefactError(
                f"{artefact.directory}: its sample scores {gap:.4f} away from what was trained"
            )


def _session(artefact: Artefact, threads: int | None) -> onnxruntime.InferenceSession:
    path = artefact.directory / MODEL
    model = path.read_bytes()
    if _EXTERNAL_DATA in model:
        raise ArtefactError(f"{path}: keeps weights outside the file, which no digest covers")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from the services beside this one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ArtefactError(f"{path}: onnxruntime refuses it ({_first_line(error)})") from error
    _check_signature(artefact, session)
    return session


def _check_signature(artefact: Artefact, session: onnxruntime.InferenceSession) -> None:
    """Batch and token dimensions must be free, types and names the spec's."""
    width = len(artefact.spec.features.names)
    tokens, features = ("tensor(int64)", (None, None)), ("tensor(float)", (None, width))
    wanted = {"input_ids": tokens, "attention_mask": tokens, "features": features}
    if _signature(session.get_inputs()) != wanted or tuple(wanted) != artefact.spec.inputs:
        raise ArtefactError(
            f"{artefact.directory / MODEL}: inputs are not input_ids, attention_mask, features"
        )
    if _signature(session.get_outputs()) != {artefact.spec.output: ("tensor(float)", (None,))}:
        raise ArtefactError(
            f"{artefact.directory / MODEL}: output is not one {artefact.spec.output} per tweet"
        )


def _signature(tensors: Sequence[Any]) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    return {
        tensor.name: (tensor.type, tuple(size if isinstance(size, int) else None for size in tensor.shape))
        for tensor in tensors
    }


def _tokenizer(artefact: Artefact) -> Tokenizer:
    path = artefact.directory / TOKENIZER
    try:
        return read_tokenizer(path, artefact.spec.max_tokens)
    except Exception as error:  # tokenizers raises bare Exception
        raise ArtefactError(f"{path}: not a tokenizer ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
