"""Make a small base model of each kind that is promised, of random weights, with a tokenizer as that kind has."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from viral_trainer.model.base_model import BaseModel, find_base_model

from tests.factories import make_labelled_tweets, make_letter_tokenizer

SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
DISENTANGLED = {
    "relative_attention": True,
    "max_relative_positions": -1,
    "type_vocab_size": 0,
    "position_biased_input": False,
}
SIZES_V3 = DISENTANGLED | {
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
}


@dataclass(frozen=True)
class Kind:
    """An architecture of transformers, its sizes, and its tokenizer."""

    config: str
    make_tokenizer: Callable[[], Tokenizer]
    sizes: Mapping[str, Any]


def make_bytes_tokenizer(normalizer: normalizers.Normalizer | None = None) -> Tokenizer:
    """As RoBERTa, DeBERTa and ModernBERT have: pairs of bytes, begun by <s>."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    _learn(
        tokenizer,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def make_pieces_tokenizer(*steps: normalizers.Normalizer) -> Tokenizer:
    """As XLM-R and DeBERTa of version 2 and 3 have: SentencePiece's, with its table of characters."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(make_characters(b"fi")), *steps])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    _learn(
        tokenizer,
        trainers.UnigramTrainer(
            vocab_size=150, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def make_characters(replacement: bytes) -> bytes:
    """SentencePiece's table with one text to put in the place of a character, which none has."""
    index = bytes(4 * 1024)
    return struct.pack("<I", len(index)) + index + replacement + b"\0"


SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def _learn(tokenizer: Tokenizer, trainer: trainers.Trainer) -> None:
    tokenizer.train_from_iterator((tweet.input.text for tweet in make_labelled_tweets(300)), trainer)


KINDS = {
    "bert": Kind("BertConfig", make_letter_tokenizer, SIZES),
    "roberta": Kind("RobertaConfig", make_bytes_tokenizer, SIZES),
    "xlm-roberta": Kind("XLMRobertaConfig", make_pieces_tokenizer, SIZES),
    "distilbert": Kind(
        "DistilBertConfig", make_letter_tokenizer, {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32}
    ),
    "electra": Kind("ElectraConfig", make_letter_tokenizer, SIZES | {"embedding_size": 8}),
    "modernbert": Kind(
        "ModernBertConfig",
        lambda: make_bytes_tokenizer(normalizers.NFC()),
        SIZES
        | {"local_attention": 8}
        | dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1),
    ),
    "deberta": Kind(
        "DebertaConfig", make_bytes_tokenizer, SIZES | DISENTANGLED | {"pos_att_type": ["c2p", "p2c"]}
    ),
    "deberta-v2": Kind(
        "DebertaV2Config",
        lambda: make_pieces_tokenizer(normalizers.Replace(Regex(" {2,}"), " ")),
        SIZES | SIZES_V3,
    ),
}


def make_kind(kind: str, directory: Path, dtype: torch.dtype = torch.float32, **changes: Any) -> BaseModel:
    """A directory to train from, as a person would name it in VIRAL_BASE_MODEL."""
    made = KINDS[kind]
    tokenizer = made.make_tokenizer()
    torch.manual_seed(7)
    settings = {"vocab_size": tokenizer.get_vocab_size(), **made.sizes, **changes}
    encoder = transformers.AutoModel.from_config(getattr(transformers, made.config)(**settings))
    encoder.to(dtype).save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    return find_base_model(str(directory))


def encode_characters(replacement: bytes) -> str:
    """The same table, as a tokenizer.json holds it."""
    return b64encode(make_characters(replacement)).decode()
