"""Serving: what cannot score is refused; what can, scores everything that people type."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from viral_common.artefact.files import TOKENIZER, Artefact, read_artefact, write_manifest
from viral_common.artefact.predictor import PIECE, Predictor
from viral_common.artefact.tokens import read_tokenizer
from viral_common.artefact.trial import load_tried
from viral_common.errors import ArtefactError, OtherFeaturesError
from viral_common.events import Precision
from viral_common.tweets.features import TweetInput

from tests.damage import (
    lose_a_tensor,
    raise_the_opset,
    rewritten,
)
from tests.factories import make_artefact, make_labelled_tweets

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    return make_artefact(tmp_path_factory.mktemp("shared") / "artefact")


@pytest.fixture(scope="module", params=["fp32", "int8"])
def predictor(shared: Artefact, request: pytest.FixtureRequest) -> Predictor:
    return Predictor.load(shared, request.param, threads=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "🎉🎉🎉",
        "x" * 10_000,
        "word " * 2_000,
        "مرحبا بالعالم",
        "\u202eoil",
        "\ud800",
        "\x00\x07",
        "#",
        "@",
    ],
)
def test_any_text_gets_a_probability(predictor: Predictor, text: str) -> None:
    (probability,) = predictor.predict([TweetInput(text, NOW)])

    assert 0 < probability < 1


def test_absurd_counts_get_a_probability(predictor: Predictor) -> None:
    (probability,) = predictor.predict([TweetInput("oil", NOW, photos_count=10**12)])

    assert 0 < probability < 1


def test_no_tweets_get_no_probabilities(predictor: Predictor) -> None:
    assert predictor.predict([]).shape == (0,)


def test_order_and_company_change_nothing(predictor: Predictor) -> None:
    tweets = [tweet.input for tweet in make_labelled_tweets(PIECE + 100)]
    tweets = [replace(tweet, text=tweet.text * (1 + number % 5)) for number, tweet in enumerate(tweets)]

    together = predictor.predict(tweets)

    assert np.abs(together[::-1] - predictor.predict(tweets[::-1])).max() < 1e-6
    alone = np.concatenate([predictor.predict([tweet]) for tweet in tweets[:50]])
    assert np.abs(together[:50] - alone).max() < 1e-6


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_more_threads_say_the_same(shared: Artefact, precision: Precision) -> None:
    tweets = [tweet.input for tweet in make_labelled_tweets(2 * PIECE + 1)]

    one, three = (Predictor.load(shared, precision, threads=threads) for threads in (1, 3))

    assert (one.predict(tweets) == three.predict(tweets)).all()


def test_a_tokenizer_that_others_changed_is_not_the_one_that_serves(shared: Artefact) -> None:
    tweets = [TweetInput("oil prices", NOW)]
    before = Predictor.load(shared, threads=1).predict(tweets)

    read_tokenizer(shared.directory / TOKENIZER, shared.spec.max_tokens).enable_padding(length=64)

    assert Predictor.load(shared, threads=1).predict(tweets) == before


def test_an_artefact_without_an_int8_graph_serves_in_fp32(tmp_path: Path) -> None:
    directory = make_artefact(tmp_path / "artefact").directory
    forget_the_int8_sample(directory)
    (directory / "model.int8.onnx").unlink()
    write_manifest(directory)

    old = read_artefact(directory)

    assert old.precisions == ("fp32",)
    assert Predictor.load(old, threads=1).predict([TweetInput("oil", NOW)]).shape == (1,)
    with pytest.raises(ArtefactError, match=r"holds no model\.int8\.onnx"):
        Predictor.load(old, "int8")


def test_the_calibration_moves_the_probabilities(tmp_path: Path) -> None:
    plain = Predictor.load(make_artefact(tmp_path / "plain"), threads=1)
    eager = Predictor.load(make_artefact(tmp_path / "eager", bias=1.0), threads=1)
    tweets = [TweetInput("oil", NOW)]

    assert (eager.predict(tweets) > plain.predict(tweets)).all()


def shift_weights(directory: Path, name: str = "model.onnx") -> None:
    def change(model: onnx.ModelProto) -> None:
        bias = next(one for one in model.graph.initializer if one.name == "network.head.3.bias")
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 1, bias.name))

    rewritten(directory, change, name)


def shift_int8_weights(directory: Path) -> None:
    shift_weights(directory, "model.int8.onnx")


def be_no_int8_onnx(directory: Path) -> None:
    (directory / "model.int8.onnx").write_bytes(b"not a model")
    write_manifest(directory)


def forget_the_int8_sample(directory: Path) -> None:
    path = directory / "viral.json"
    spec = json.loads(path.read_text())
    for sample in spec["sample"]:
        del sample["int8_probability"]
    path.write_text(json.dumps(spec))
    write_manifest(directory)


def rename_an_input(directory: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        features = next(one for one in model.graph.input if one.name == "features")
        features.name = "extras"
        for node in model.graph.node:
            for index, name in enumerate(node.input):
                if name == "features":
                    node.input[index] = "extras"

    rewritten(directory, change)


def fix_the_batch(directory: Path) -> None:
    rewritten(
        directory, lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 2)
    )


def add_an_output(directory: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node("Identity", ["features"], ["more"]))
        model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [None, 9]))

    rewritten(directory, change)


def be_no_onnx(directory: Path) -> None:
    (directory / "model.onnx").write_bytes(b"not a model")
    write_manifest(directory)


def be_no_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.json").write_text("{}")
    write_manifest(directory)


def want_other_features(directory: Path) -> None:
    path = directory / "viral.json"
    spec = json.loads(path.read_text())
    spec["features"]["names"][0] = "followers"
    path.write_text(json.dumps(spec))
    write_manifest(directory)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lose_a_tensor, "onnxruntime refuses it"),
        (shift_weights, "its sample scores"),
        (raise_the_opset, "onnxruntime refuses it"),
        (rename_an_input, "inputs are not"),
        (fix_the_batch, "inputs are not"),
        (add_an_output, "outputs are not one"),
        (be_no_onnx, "onnxruntime refuses it"),
        (be_no_tokenizer, "not a tokenizer"),
    ],
)
def test_a_model_that_cannot_serve_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    directory = make_artefact(tmp_path / "artefact").directory
    damage(directory)
    artefact = read_artefact(directory)  # the manifest itself is sound

    with pytest.raises(ArtefactError, match=told) as refusal:
        Predictor.load(artefact, threads=1)

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("load", [Predictor.load, load_tried])
def test_a_model_made_for_other_features_is_known_as_such_wherever_it_is_tried(
    tmp_path: Path, load: Callable[[Artefact], Predictor]
) -> None:
    directory = make_artefact(tmp_path / "artefact").directory
    want_other_features(directory)

    with pytest.raises(OtherFeaturesError, match="made for other features than this version computes"):
        load(read_artefact(directory))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (be_no_int8_onnx, "model.int8.onnx: onnxruntime refuses it"),
        (shift_int8_weights, "its sample scores"),
        (forget_the_int8_sample, "does not say what its sample scores in int8"),
    ],
)
def test_an_int8_graph_that_cannot_serve_is_refused_and_the_other_serves(
    tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    directory = make_artefact(tmp_path / "artefact").directory
    damage(directory)
    artefact = read_artefact(directory)

    with pytest.raises(ArtefactError, match=told):
        Predictor.load(artefact, "int8", threads=1)

    assert Predictor.load(artefact, "fp32", threads=1).predict([TweetInput("oil", NOW)]).shape == (1,)
