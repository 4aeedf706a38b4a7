"""The short way through a BERT's layers says what the long one says."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel
from viral_trainer.model.cls_attention import read_bert_text


@pytest.mark.parametrize("layers", [1, 3])
def test_it_reads_as_all_layers_for_all_tokens_do(layers: int) -> None:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=50, hidden_size=24, num_attention_heads=3, intermediate_size=32, num_hidden_layers=layers
    )
    encoder = BertModel(config).eval()
    for parameter in encoder.parameters():
        # Biases are zero at first, and hide where they are forgotten.
        torch.nn.init.normal_(parameter, std=0.3)
    input_ids = torch.randint(2, 50, (4, 9))
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, 5:] = attention_mask[3, 1:] = 0

    with torch.inference_mode():
        read = read_bert_text(encoder, input_ids, attention_mask)
        hidden = encoder(input_ids, attention_mask, output_hidden_states=True).hidden_states

    weight = attention_mask.unsqueeze(-1)
    mean = (hidden[-2] * weight).sum(dim=1) / weight.sum(dim=1)
    assert torch.allclose(read, torch.cat([mean, hidden[-1][:, 0]], dim=1), atol=1e-5)
