"""Define the shallow model: a linear score of the words, and boosted trees over it and the features.

Trees tell numbers apart better than a network does, and whoever learns differently errs elsewhere: their logits added
are better than either's (docs/model-search.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from viral_trainer.model.hashed_terms import TermWeights
from viral_trainer.model.tree_layer import Trees

# A term is one token, or up to so many in a row.
LONGEST_TERM = 3


class BoostedText(nn.Module):
    """Compute what is added to the deep network's logit. Made empty, for `load_state_dict`."""

    share: Tensor  # (): how much of the trees' logit is added

    def __init__(self, trees: Trees) -> None:
        super().__init__()
        self.trees = trees
        self.terms = TermWeights(LONGEST_TERM)
        self.register_buffer("share", torch.ones(()))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, features: Tensor) -> Tensor:
        """Map the network's inputs to (batch,)."""
        return self.judge(*self.read(input_ids, attention_mask), features)

    def judge(self, text: Tensor, features: Tensor) -> Tensor:
        """Map the result of `read`, (batch,), and float32 (batch, features) to (batch,)."""
        added: Tensor = self.share * self.trees(torch.cat([features, text.unsqueeze(1)], dim=1))
        return added

    def read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """Map int64 (batch, tokens) twice to the linear score of the words, (batch,)."""
        return (self.terms(input_ids, attention_mask),)

    def to_config(self) -> dict[str, Any]:
        """Describe, as JSON, what `build_boosted_text` needs to build an equal one."""
        return {"trees": self.trees.to_config()}


def build_boosted_text(config: dict[str, Any]) -> BoostedText:
    """Build an untrained one from `BoostedText.to_config()`; its weights are loaded next."""
    return BoostedText(Trees(**config["trees"]))
