"""Load, cut, freeze and read an encoder of any kind that AutoModel knows, by what transformers offers for them all."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, BertModel, PretrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging
from viral_common.errors import UsageError, summarise_error

from viral_trainer.model.cls_attention import read_bert_text

# It hides padding behind a number that bfloat16 does not know.
WANTS_FLOAT32 = {"deberta"}
# So many (XLM-R's of 12 layers) come through an artefact's trial in its 4 GiB; 435 million do not.
MOST_WEIGHTS = 280_000_000


def load_encoder(directory: Path, name: str, layers: int | None = None, frozen: int = 0) -> PreTrainedModel:
    """Load so many of its layers, or all; without pooling, and without dropout: two epochs do not overfit.

    Of these the first `frozen` are not trained. Raises UsageError if it is no encoder or has fewer layers.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(directory)
        there = config.num_hidden_layers
        _prepare_config(config, min(layers or there, there))
        encoder, report = AutoModel.from_pretrained(
            directory,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            use_safetensors=True,
            **_choose_options(config),
        )
        hidden = _compute_hidden_states(encoder)
    except (AttributeError, ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = summarise_error(error)
        raise UsageError(f"VIRAL_BASE_MODEL: {name} is no encoder of texts ({reason})") from error
    if missing := report["missing_keys"]:
        raise UsageError(f"VIRAL_BASE_MODEL: {name} lacks weights, first {min(missing)}")
    if layers and layers > there:
        raise UsageError(f"VIRAL_ENCODER_LAYERS: {layers} are more than the {there} of {name}")
    if (weights := encoder.num_parameters()) > MOST_WEIGHTS:
        raise UsageError(
            f"VIRAL_ENCODER_LAYERS: {weights:,} weights in {config.num_hidden_layers} layers of {name} "
            f"are more than the {MOST_WEIGHTS:,} that can be served"
        )
    if frozen:
        _freeze(encoder, hidden[frozen])
    return encoder


def build_encoder(config: dict[str, Any]) -> PreTrainedModel:
    """Build an untrained encoder from its `config.to_dict()`; its weights are loaded next."""
    settings = AutoConfig.for_model(**config)
    return AutoModel.from_config(settings, **_choose_options(settings))


def check_reading(encoder: PreTrainedModel, tokenizer: Tokenizer, max_tokens: int, name: str) -> None:
    """Raise UsageError unless it reads every token that the tokenizer knows, and so many of a text."""
    known, weights = tokenizer.get_vocab_size(), encoder.get_input_embeddings().num_embeddings
    if known > weights:
        raise UsageError(
            f"VIRAL_BASE_MODEL: the tokenizer of {name} knows {known} tokens, its weights {weights}"
        )
    input_ids = torch.full((1, max_tokens), known - 1)
    try:
        with torch.inference_mode():
            read_text(encoder, input_ids, torch.ones_like(input_ids))
    except (IndexError, RuntimeError) as error:
        raise UsageError(f"VIRAL_MAX_TOKENS: {max_tokens} are more than {name} reads at once") from error


def read_text(encoder: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Map int64 (batch, tokens) twice to (batch, 2 * width): a mean of all tokens, and CLS, after the last layer.

    BERT's mean is of what its last layer is given, so that this computes CLS alone (docs/decisions/0036-encoders.md).
    """
    if isinstance(encoder, BertModel):
        return read_bert_text(encoder, input_ids, attention_mask)
    device = input_ids.device.type
    halves = torch.is_autocast_enabled(device) and encoder.config.model_type not in WANTS_FLOAT32
    with torch.autocast(device, enabled=halves):
        hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    there = attention_mask.unsqueeze(1).to(hidden.dtype)  # (batch, 1, tokens)
    mean = (there @ hidden).squeeze(1) / there.sum(dim=2)  # never of nothing: CLS is there
    return torch.cat([mean, hidden[:, 0]], dim=1)


def _prepare_config(config: PretrainedConfig, layers: int) -> None:
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    for name, value in config.to_dict().items():
        if "dropout" in name and isinstance(value, float):
            setattr(config, name, 0.0)


def _choose_options(config: PretrainedConfig) -> dict[str, Any]:
    """Choose eager attention, which exports as few operators as there are, and no pooling where one may choose."""
    options: dict[str, Any] = {"attn_implementation": "eager"}
    if "add_pooling_layer" in inspect.signature(MODEL_MAPPING[type(config)]).parameters:
        options["add_pooling_layer"] = False
    return options


def _compute_hidden_states(encoder: PreTrainedModel) -> tuple[Tensor, ...]:
    """Compute what each layer makes of some token, after what the first is given."""
    token = torch.zeros(1, 2, dtype=torch.int64)
    answer = encoder(input_ids=token, attention_mask=token + 1, output_hidden_states=True)
    hidden: tuple[Tensor, ...] = answer.hidden_states
    if len(hidden) != encoder.config.num_hidden_layers + 1 or hidden[-1].dim() != token.dim() + 1:
        raise ValueError("its layers cannot be told apart")
    return hidden


def _freeze(encoder: PreTrainedModel, hidden: Tensor) -> None:
    """Freeze every weight that these hidden states depend on, whatever it is called in this kind of encoder."""
    weights = list(encoder.parameters())
    gradients = torch.autograd.grad(hidden.sum(), weights, allow_unused=True)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.requires_grad_(gradient is None)
