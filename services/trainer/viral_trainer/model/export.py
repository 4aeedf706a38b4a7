"""Export a trained network as an artefact, checked through the very code that will serve it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from viral_common.artefact.files import (
    CARD,
    CONFIG,
    DECISION_THRESHOLD,
    GRAPHS,
    OUTPUTS,
    SPEC,
    TOKENIZER,
    WEIGHTS,
    Artefact,
    ArtefactSpec,
    Calibration,
    FeatureScaling,
    Sample,
    read_artefact,
    write_manifest,
)
from viral_common.artefact.graph_check import check_graph
from viral_common.artefact.likes import DraftsSpec, LikesSpec
from viral_common.artefact.predictor import Predictor
from viral_common.artefact.tokens import choose_chunks_by_length, tokenise
from viral_common.artefact.training_summary import TrainingSummary
from viral_common.errors import ArtefactError, UsageError, summarise_error
from viral_common.tweets.features import TweetInput, compute_feature_matrix

from viral_trainer.model.int8 import write_int8
from viral_trainer.model.model_card import render_card
from viral_trainer.model.network import ServedNetwork, ViralityNetwork, build_network

# Understood by every onnxruntime since 1.14 (2023).
OPSET = 18
TOLERANCE = 1e-4

# Made up, so that no artefact holds anybody's tweet.
SAMPLE = tuple(
    TweetInput(text=text, created_at=datetime(2026, 11, day, 3 * day, tzinfo=UTC), photos_count=photos)
    for day, (text, photos) in enumerate(
        [
            ("Oil prices jump again after the talks fail #oil https://example.org/news", 1),
            ("good morning ☀️🎉", 0),
            ("@alice What do you think about this? @bob " + "really " * 60, 0),
            ("النفط يرتفع", 2),
        ],
        start=1,
    )
)


@dataclass(frozen=True)
class TrainedModel:
    """Hold a network with all that turns a tweet into its inputs and its logit into a probability."""

    network: ViralityNetwork  # in eval mode
    tokenizer: Tokenizer  # as `read_tokenizer` sets it up
    scaling: FeatureScaling
    calibration: Calibration
    max_tokens: int
    likes_threshold: int
    base_model: str
    base_model_source: str
    training: TrainingSummary
    decision_threshold: float = DECISION_THRESHOLD
    likes: LikesSpec | None = None
    drafts: DraftsSpec | None = None

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        """Predict by torch, shape (tweets,): the truth that the artefact must repeat."""
        return self.calibration.compute_probabilities(self.answer(tweets)[0])

    def predict_log_likes(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        """Predict log(1 + likes), shape (tweets,), likewise."""
        log_likes: NDArray[np.float64] = self.answer(tweets)[1].astype(np.float64)
        return log_likes

    @torch.inference_mode()
    def answer(self, tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
        """Compute what is served: logits and log(1 + likes), (2, tweets)."""
        served = ServedNetwork(self.network)
        tokens = tokenise(self.tokenizer, [tweet.text for tweet in tweets])
        features = torch.from_numpy(self.scaling.scale_matrix(compute_feature_matrix(tweets)))
        found = np.empty((2, len(tweets)), dtype=np.float32)
        for rows in choose_chunks_by_length(tokens.lengths, 64):
            input_ids, attention_mask = map(torch.from_numpy, tokens.pad_rows(rows))
            found[:, rows] = torch.stack(served(input_ids, attention_mask, features[rows])).numpy()
        return found


def export(model: TrainedModel, directory: Path, check_on: Sequence[TweetInput] = ()) -> Artefact:
    """Write the artefact into a new directory. Raises ArtefactError if serving would differ from torch on any tweet."""
    directory.mkdir(parents=True)
    _write_onnx(model.network, directory / GRAPHS["fp32"])
    write_int8(directory / GRAPHS["fp32"], directory / GRAPHS["int8"])
    save_file(model.network.state_dict(), directory / WEIGHTS)
    (directory / CONFIG).write_text(json.dumps(model.network.to_config(), indent=2))
    model.tokenizer.save(str(directory / TOKENIZER))
    spec = _add_int8(_build_spec(model), directory)
    (directory / SPEC).write_text(spec.model_dump_json(indent=2))
    (directory / CARD).write_text(render_card(spec))
    for graph in GRAPHS.values():
        check_graph(directory / graph)
    artefact = read_artefact(directory, write_manifest(directory))
    _check_parity(model, Predictor.load(artefact, threads=1), check_on or SAMPLE)
    return artefact


def check_export(network: ViralityNetwork, base_model: str) -> None:
    """Raise UsageError for a network whose graph nobody would serve: better before it is trained than after."""
    with TemporaryDirectory() as folder:
        try:
            _write_onnx(network, graph := Path(folder) / GRAPHS["fp32"])
            check_graph(graph)
        except (ArtefactError, RuntimeError, ValueError) as error:
            reason = summarise_error(error)
            raise UsageError(f"VIRAL_BASE_MODEL: {base_model} cannot be exported ({reason})") from error


def load_network(artefact: Artefact) -> ViralityNetwork:
    """Load the artefact's network into torch, to train on from."""
    network = build_network(json.loads((artefact.directory / CONFIG).read_text()))
    network.load_state_dict(load_file(artefact.directory / WEIGHTS))
    return network.eval()


def _build_spec(model: TrainedModel) -> ArtefactSpec:
    probabilities = model.predict(SAMPLE)
    return ArtefactSpec(
        max_tokens=model.max_tokens,
        features=model.scaling,
        calibration=model.calibration,
        likes_threshold=model.likes_threshold,
        decision_threshold=model.decision_threshold,
        likes=model.likes,
        drafts=model.drafts,
        base_model=model.base_model,
        base_model_source=model.base_model_source,
        training=model.training,
        sample=tuple(
            Sample(tweet=tweet, probability=probability)
            for tweet, probability in zip(SAMPLE, probabilities.tolist(), strict=True)
        ),
    )


def _add_int8(spec: ArtefactSpec, directory: Path) -> ArtefactSpec:
    """Add to the sample what the int8 graph says of it, by the code that will serve it."""
    said = Predictor.load_unchecked(directory, spec, "int8", threads=1).predict(
        [one.tweet for one in spec.sample]
    )
    sample = tuple(
        one.model_copy(update={"int8_probability": probability})
        for one, probability in zip(spec.sample, said.tolist(), strict=True)
    )
    return spec.model_copy(update={"sample": sample})


def _write_onnx(network: ViralityNetwork, path: Path) -> None:
    tokens = torch.ones(2, 7, dtype=torch.int64)
    tensors = (tokens, tokens, torch.zeros(2, network.feature_count))
    rows, words = {0: "batch"}, {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        # The tracing exporter: half a second where the newer one takes four, and one self-contained file.
        # Its warnings are about shapes fixed by tracing; the parity check below would show any.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.to_served(),
            tensors,
            str(path),
            input_names=["input_ids", "attention_mask", "features"],
            output_names=list(OUTPUTS),
            dynamic_axes={
                "input_ids": words,
                "attention_mask": words,
                "features": rows,
                **dict.fromkeys(OUTPUTS, rows),
            },
            opset_version=OPSET,
            dynamo=False,
        )


def _check_parity(model: TrainedModel, predictor: Predictor, tweets: Sequence[TweetInput]) -> None:
    asked = (predictor.predict, model.predict), (predictor.predict_log_likes, model.predict_log_likes)
    gap = max(float(np.abs(served(tweets) - trained(tweets)).max()) for served, trained in asked)
    if not gap < TOLERANCE:
        raise ArtefactError(f"the exported model differs from torch by {gap:.2e} on {len(tweets)} tweets")
