"""What is exported scores as torch does, says what it is made from, and can be trained on from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from viral_common.artefact.predictor import Predictor
from viral_common.errors import ArtefactError
from viral_trainer.model import export as export_module
from viral_trainer.model.export import export, load_network

from tests.factories import make_labelled_tweets, make_model

EMBEDDINGS = (
    "network.encoder.embeddings.word_embeddings",
    "network.encoder.embeddings.position_embeddings",
)


def test_a_thousand_tweets_score_alike_in_torch_and_in_serving(tmp_path: Path) -> None:
    model = make_model()
    tweets = [tweet.input for tweet in make_labelled_tweets(1000)]

    served = Predictor.load(export(model, tmp_path / "artefact"), threads=1).predict(tweets)

    assert np.abs(served - model.predict(tweets)).max() < 1e-4
    assert served.std() > 0.01


def test_the_int8_graph_keeps_its_tables_as_integers_and_says_almost_the_same(tmp_path: Path) -> None:
    model = make_model()
    tweets = [tweet.input for tweet in make_labelled_tweets(200)]

    artefact = export(model, tmp_path / "artefact")

    weights = onnx.load(artefact.directory / "model.int8.onnx").graph.initializer
    integers = {one.name for one in weights if one.data_type == onnx.TensorProto.UINT8}
    assert {f"{table}.weight_quantized" for table in EMBEDDINGS} | {
        "network.pairs.weights_quantized"
    } <= integers
    served = Predictor.load(artefact, "int8", threads=1).predict(tweets)
    assert 0 < np.abs(served - model.predict(tweets)).max() < 0.02


def test_an_export_that_differs_from_torch_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model()
    monkeypatch.setattr(Predictor, "predict", lambda self, tweets: np.full(len(tweets), 0.5), raising=True)
    monkeypatch.setattr(Predictor, "_check_sample", lambda self, *_: None)

    with pytest.raises(ArtefactError, match="differs from torch"):
        export(model, tmp_path / "artefact")


def test_the_weights_can_be_trained_on_from(tmp_path: Path) -> None:
    model = make_model()

    again = load_network(export(model, tmp_path / "artefact"))

    ids = torch.ones(2, 5, dtype=torch.int64)
    features = torch.zeros(2, model.network.feature_count)
    with torch.inference_mode():
        assert torch.equal(again(ids, ids, features), model.network(ids, ids, features))


def test_the_sample_holds_nobodys_tweet() -> None:
    assert all("example.org" in tweet.text or "http" not in tweet.text for tweet in export_module.SAMPLE)


@pytest.mark.parametrize("simulated", [True, False])
def test_the_card_says_what_the_model_is_made_from(tmp_path: Path, simulated: bool) -> None:
    artefact = export(make_model(simulated=simulated), tmp_path / "artefact")

    card = (artefact.directory / "README.md").read_text()

    assert ("Simulated data" in card) == simulated
    assert "700 tweets to train on, 150 to validate" in card
    assert "from 2026-11-01 00:00 to 2026-11-02 00:00 UTC" in card
    assert "| AUC | 0.700 |" in card
    assert "`word_count`" in card
