"""Small valid artefacts within a second, for every test that needs a model and no training."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel
from viral_common.artefact.files import Artefact, Calibration, FeatureScaling
from viral_common.artefact.training_summary import TrainingSummary
from viral_common.tweets.features import FEATURES
from viral_trainer.model.base_model import BaseModel, find_base_model
from viral_trainer.model.export import TrainedModel, export
from viral_trainer.model.network import ViralityNetwork

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789#@.,!?'\":;/-"


def make_artefact(directory: Path, *, bias: float = 0.0, seed: int = 7, simulated: bool = False) -> Artefact:
    """Export a random network into the new `directory`. Another `bias` or `seed` gives other probabilities."""
    made = _exported_once(bias, seed, simulated)
    shutil.copytree(made.directory, directory)
    return replace(made, directory=directory)


@cache
def _exported_once(bias: float, seed: int, simulated: bool) -> Artefact:
    """To be copied: an export takes a hundred times as long."""
    folder = Path(tempfile.mkdtemp(prefix="viral-artefact-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return export(make_model(bias=bias, seed=seed, simulated=simulated), folder / "artefact")


def make_model(*, bias: float = 0.0, seed: int = 7, simulated: bool = False) -> TrainedModel:
    """A random network of one narrow layer that reads letters."""
    network = ViralityNetwork(narrow_encoder(seed), len(FEATURES)).eval()
    for parameter in network.head.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # so that tweets differ visibly
    return TrainedModel(
        network=network,
        tokenizer=letter_tokenizer(),
        scaling=FeatureScaling(names=FEATURES, mean=(1.0,) * len(FEATURES), scale=(4.0,) * len(FEATURES)),
        calibration=Calibration(temperature=1.0, bias=bias),
        max_tokens=128,
        likes_threshold=0,
        base_model="random",
        base_model_source="tests",
        training=a_summary(simulated=simulated),
    )


def make_base_model(directory: Path, seed: int = 7, layers: int = 1) -> BaseModel:
    """A directory to train from, as a person would name it in VIRAL_BASE_MODEL."""
    narrow_encoder(seed, layers).save_pretrained(directory)
    letter_tokenizer().save(str(directory / "tokenizer.json"))
    return find_base_model(str(directory))


def narrow_encoder(seed: int, layers: int = 1) -> BertModel:
    """Random weights, drawn from the seed."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=letter_tokenizer().get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=0.0,  # as every base model is read
        attention_probs_dropout_prob=0.0,
    )
    return BertModel(config, add_pooling_layer=False)


def a_summary(*, simulated: bool = False) -> TrainingSummary:
    """A summary of a training that never was."""
    return TrainingSummary(
        event_id=str(UUID(int=1)),
        batch_ids=(str(UUID(int=2)),),
        source="simulated" if simulated else "archive",
        simulated=simulated,
        window_from=datetime(2026, 11, 1, tzinfo=UTC),
        window_to=datetime(2026, 11, 2, tzinfo=UTC),
        train_count=700,
        validation_count=150,
        viral_rate=0.4,
        metrics={"auc": 0.7, "accuracy": 0.65},
        trained_at=datetime(2026, 11, 2, 1, tzinfo=UTC),
    )


def letter_tokenizer(max_tokens: int = 128) -> Tokenizer:
    """A BERT tokenizer whose vocabulary is the letters."""
    pieces = [*_SPECIAL, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(max_tokens)
    return tokenizer
