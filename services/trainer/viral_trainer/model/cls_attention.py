"""Compute a BERT's layers, the last for CLS alone: a fraction of its arithmetic, and no worse a reading of tweets.

Its keys and values would be projected for every token to be asked by one. A product of matrices may be taken in any
order: here the question goes through the keys' projection, and the answer through the values'.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import BertModel


def read_bert_text(encoder: BertModel, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Map int64 (batch, tokens) twice to (batch, 2 * width): mean of all tokens before the last layer, CLS after it."""
    there = attention_mask.unsqueeze(1).to(torch.float32)  # (batch, 1, tokens)
    added_to_scores = (1.0 - there) * torch.finfo(torch.float32).min
    # Told what it would make up, it exports fewer operators.
    hidden = encoder.embeddings(input_ids=input_ids, token_type_ids=torch.zeros_like(input_ids))
    *layers, last = encoder.encoder.layer
    for layer in layers:
        hidden = layer(hidden, added_to_scores.unsqueeze(1))  # (batch, tokens, width)
    weight = (there / there.sum(dim=2, keepdim=True)).to(hidden.dtype)  # never of nothing: CLS is there
    mean = (weight @ hidden).squeeze(1)  # (batch, width)
    return torch.cat([mean, _compute_cls(last, hidden, added_to_scores)], dim=1)


def _compute_cls(layer: Any, hidden: Tensor, added_to_scores: Tensor) -> Tensor:
    """Compute what a BertLayer makes of each first token, (batch, width), from (batch, tokens, width)."""
    attention, first = layer.attention.self, hidden[:, 0]
    # (heads, width): 1 where a head has its share of the width.
    of_head = torch.eye(attention.num_attention_heads, device=hidden.device, dtype=hidden.dtype)
    of_head = of_head.repeat_interleave(attention.attention_head_size, dim=1)

    question = attention.query(first).unsqueeze(1) * attention.scaling * of_head  # (batch, heads, width)
    # The keys' bias adds the same to a question's every score, so to none of its shares.
    scores = (question @ attention.key.weight) @ hidden.transpose(1, 2)
    shares = (scores + added_to_scores).softmax(dim=-1).to(hidden.dtype)  # (batch, heads, tokens)
    answers = (shares @ hidden) @ attention.value.weight.T * of_head  # (batch, heads, width)
    context = answers.sum(dim=1) + attention.value.bias  # (batch, width)
    cls: Tensor = layer.feed_forward_chunk(layer.attention.output(context, first))
    return cls
