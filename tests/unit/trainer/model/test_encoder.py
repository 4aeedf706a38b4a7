"""Encoders of each kind that is promised are cut, frozen, trained, exported and scored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file
from transformers import MPNetConfig, MPNetModel, PreTrainedModel, T5Config, T5Model, ViTConfig, ViTModel
from viral_common.artefact.files import GRAPHS, Artefact
from viral_common.artefact.graph_check import OPERATORS
from viral_common.artefact.trial import load_tried
from viral_common.errors import UsageError
from viral_common.tweets.tweet import take_inputs
from viral_trainer.data.window import Window
from viral_trainer.model import encoder as encoder_module
from viral_trainer.model.base_model import find_base_model
from viral_trainer.model.encoder import check_reading, read_text
from viral_trainer.model.export import TrainedModel, export, load_network
from viral_trainer.settings import OfflineSettings
from viral_trainer.training import fit as fit_module
from viral_trainer.training.fit import NoProgress, fit

from tests.encoders import KINDS, make_bytes_tokenizer, make_kind
from tests.factories import make_labelled_tweets

LEARNED, ASKED = make_labelled_tweets(300, 1), make_labelled_tweets(100, 2)
# Operators of what a person may choose in a BERT's config (hidden_act, say), or of no encoder.
OF_OTHER_SIZES = {"Gelu", "Or", "Relu", "Sigmoid", "Tanh"}


@dataclass(frozen=True)
class Made:
    """A model that two of three layers were trained of, the second alone, and its export."""

    before: dict[str, torch.Tensor]
    model: TrainedModel
    artefact: Artefact


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Train a kind once."""

    @cache
    def train(kind: str) -> Made:
        folder = tmp_path_factory.mktemp(kind)
        base = make_kind(kind, folder / "base")
        settings = OfflineSettings(encoder_layers=2, frozen_layers=1, train_threads=1, head_lr=1e-2)
        before = base.load_encoder(2).state_dict()
        model, _ = fit(Window.from_tweets(LEARNED, ASKED), base, settings, UUID(int=1), NoProgress())
        return Made(before, model, export(model, folder / "artefact", take_inputs(ASKED)))

    return train


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, make: Callable[[str], Made]) -> Made:
    return make(request.param)


def test_what_is_exported_comes_through_its_trial_and_says_what_was_trained(made: Made) -> None:
    tweets = take_inputs(ASKED)

    predictor = load_tried(made.artefact, threads=1)

    served, trained = predictor.predict(tweets), made.model.predict(tweets)
    assert np.abs(served - trained).max() < 1e-4
    assert np.abs(predictor.predict(tweets[:1]) - served[:1]).max() < 1e-4  # without its padding
    assert served.std() > 0.05


def test_the_int8_graph_comes_through_its_trial_too(made: Made) -> None:
    assert load_tried(made.artefact, "int8", threads=1).predict(take_inputs(ASKED)).shape == (len(ASKED),)


def test_only_what_lies_above_the_frozen_layer_has_learned(made: Made) -> None:
    after = made.model.network.encoder.state_dict()

    changed = {name for name, weight in made.before.items() if not torch.equal(weight, after[name])}

    assert changed
    assert all(".1." in name or "final_norm" in name for name in changed)


def test_the_text_is_read_in_order(made: Made) -> None:
    ids = torch.tensor([[0, 7, 8, 9, 10, 2], [0, 10, 9, 8, 7, 2]])

    with torch.inference_mode():
        one, other = made.model.network.read(ids, torch.ones_like(ids))[0]

    assert (one - other).abs().max() > 1e-6


def test_its_artefact_can_be_trained_on_from(made: Made) -> None:
    again = load_network(made.artefact)

    ids, features = torch.ones(2, 5, dtype=torch.int64), torch.zeros(2, again.feature_count)
    with torch.inference_mode():
        assert torch.equal(again(ids, ids, features), made.model.network(ids, ids, features))


def test_the_graphs_of_all_kinds_hold_every_operator_that_is_allowed(make: Callable[[str], Made]) -> None:
    """So none is allowed that no export makes."""
    directories = [make(kind).artefact.directory for kind in KINDS]

    graphs = [onnx.load(directory / name).graph for directory in directories for name in GRAPHS.values()]

    seen = {node.op_type for graph in graphs for node in graph.node if not node.domain}
    assert seen | OF_OTHER_SIZES == OPERATORS[""]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_were_kept_in_halves_are_trained_in_full(tmp_path: Path, kind: str) -> None:
    base = make_kind(kind, tmp_path / "base", dtype=torch.bfloat16)

    encoder = base.load_encoder()

    kept = load_file(base.directory / "model.safetensors")
    assert {weight.dtype for weight in kept.values()} == {torch.bfloat16}
    assert {weight.dtype for weight in encoder.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_drops_out(tmp_path: Path, kind: str) -> None:
    dropouts: dict[str, Any] = dict.fromkeys(DROPOUTS[kind], 0.5)
    base = make_kind(kind, tmp_path / "base", **dropouts)
    encoder, ids = base.load_encoder().train(), torch.full((1, 9), 7)

    once, again = (read_text(encoder, ids, torch.ones_like(ids)) for _ in range(2))

    assert torch.equal(once, again)


BERTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
DROPOUTS = dict.fromkeys(KINDS, BERTS) | {
    "distilbert": ("dropout", "attention_dropout"),
    "modernbert": ("embedding_dropout", "mlp_dropout", "attention_dropout"),
}


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_longer_texts_than_it_has_positions_for_are_one_clear_line(tmp_path: Path, kind: str) -> None:
    base = make_kind(kind, tmp_path / "base", max_position_embeddings=40)
    encoder = base.load_encoder()

    check_reading(encoder, base.load_tokenizer(38), 38, "mine")
    with pytest.raises(UsageError, match=r"^VIRAL_MAX_TOKENS: 41 are more than mine reads at once$"):
        check_reading(encoder, base.load_tokenizer(41), 41, "mine")


def test_a_tokenizer_of_another_model_is_one_clear_line(tmp_path: Path) -> None:
    base = make_kind("roberta", tmp_path / "base", vocab_size=90)

    with pytest.raises(UsageError, match=r"the tokenizer of mine knows \d+ tokens, its weights 90$"):
        check_reading(base.load_encoder(), base.load_tokenizer(40), 40, "mine")


SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.mark.parametrize(
    "model",
    [
        T5Model(T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)),
        ViTModel(ViTConfig(image_size=8, patch_size=4, **SIZES)),
    ],
    ids=lambda model: model.config.model_type,
)
def test_what_reads_no_texts_is_one_clear_line(tmp_path: Path, model: PreTrainedModel) -> None:
    model.save_pretrained(tmp_path)

    with pytest.raises(UsageError, match=r"^VIRAL_BASE_MODEL: .* is no encoder of texts \(") as refusal:
        find_base_model(str(tmp_path)).load_encoder()

    assert "\n" not in str(refusal.value)


def test_more_weights_than_a_file_holds_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_kind("electra", tmp_path)
    monkeypatch.setattr(encoder_module, "MOST_WEIGHTS", base.load_encoder(2).num_parameters())

    base.load_encoder(2)
    with pytest.raises(UsageError, match=r"^VIRAL_ENCODER_LAYERS: [\d,]+ weights in 3 layers of .* are more"):
        base.load_encoder()


def test_what_nobody_would_serve_is_one_clear_line_before_it_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MPNetModel(MPNetConfig(vocab_size=500, **SIZES)).save_pretrained(tmp_path)
    make_bytes_tokenizer().save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr(fit_module, "train", None)
    window, base = Window.from_tweets(LEARNED, ASKED), find_base_model(str(tmp_path))

    with pytest.raises(
        UsageError, match=r"cannot be exported \(.* the operator :Min, which no export makes\)$"
    ):
        fit(window, base, OfflineSettings(train_threads=1), UUID(int=1), NoProgress())


def test_a_tokenizer_that_begins_no_text_is_one_clear_line(tmp_path: Path) -> None:
    base = make_kind("roberta", tmp_path)
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer | {"post_processor": None}))

    with pytest.raises(UsageError, match=r"puts no token before a text, so it is no encoder$"):
        base.load_tokenizer(40)


def test_a_model_without_a_vocabulary_is_one_clear_line(tmp_path: Path) -> None:
    base = make_kind("roberta", tmp_path)
    (tmp_path / "tokenizer.json").rename(tmp_path / "spm.model")

    with pytest.raises(UsageError, match=r" has none of tokenizer\.json, vocab\.txt, vocab\.json$"):
        base.load_tokenizer(40)


def test_a_tokenizer_in_python_alone_is_one_clear_line(tmp_path: Path) -> None:
    base = make_kind("roberta", tmp_path)
    (tmp_path / "tokenizer.json").rename(tmp_path / "vocab.txt")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertweetTokenizer"}')

    with pytest.raises(UsageError, match=r"^VIRAL_BASE_MODEL: .* has no fast tokenizer \(") as refusal:
        base.load_tokenizer(40)

    assert "\n" not in str(refusal.value)


def test_a_vocabulary_of_pairs_makes_the_tokenizer(tmp_path: Path) -> None:
    base = make_kind("roberta", tmp_path)
    expected = base.load_tokenizer(64).encode("Oil, again!").ids
    base.load_tokenizer(64).model.save(str(tmp_path))
    (tmp_path / "tokenizer.json").unlink()

    assert base.load_tokenizer(64).encode("Oil, again!").ids == expected
