"""The shallow model beside the deep one: a linear score of the words, and boosted trees over it and the features.

Trees tell numbers apart better than a network does, and whoever learns differently errs elsewhere: their logits added
are better than either's (docs/model-search.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viral_trainer.trees import Trees

Ids = TypeVar("Ids", Tensor, NDArray[np.int64])

TERM_BUCKETS = 2**18
# A term is one token, or up to so many in a row.
LONGEST_TERM = 3


class BoostedText(nn.Module):
    """What is added to the deep network's logit. Made empty, for `load_state_dict`."""

    term_weights: Tensor  # (TERM_BUCKETS,) float32
    share: Tensor  # (): how much of the trees' logit is added

    def __init__(self, trees: Trees) -> None:
        super().__init__()
        self.trees = trees
        self.register_buffer("term_weights", torch.zeros(TERM_BUCKETS))
        self.register_buffer("share", torch.ones(()))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, features: Tensor) -> Tensor:
        """What the network is given, to (batch,)."""
        return self.judge(self.read(input_ids, attention_mask), features)

    def judge(self, text: Tensor, features: Tensor) -> Tensor:
        """What `read` says, (batch,), and float32 (batch, features), to (batch,)."""
        added: Tensor = self.share * self.trees(torch.cat([features, text.unsqueeze(1)], dim=1))
        return added

    def read(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """int64 (batch, tokens) twice to (batch,): the terms' weights, summed, by the root of their number."""
        terms = [term_ids(_in_a_row(input_ids, length)) for length in range(1, LONGEST_TERM + 1)]
        there = torch.cat([attention_mask[:, length:] for length in range(LONGEST_TERM)], dim=1)
        weights = self.term_weights[torch.cat(terms, dim=1)] * there
        return weights.sum(dim=1) / there.sum(dim=1).to(weights.dtype).sqrt()

    def config(self) -> dict[str, Any]:
        """What `boosted_of` needs to make an equal one, as JSON."""
        return {"trees": self.trees.config()}


def boosted_of(config: dict[str, Any]) -> BoostedText:
    """An untrained one from `BoostedText.config()`; its weights are loaded next."""
    return BoostedText(Trees(**config["trees"]))


def term_ids(tokens: Sequence[Ids]) -> Ids:
    """The bucket of each term, from its first tokens, its second ones and so on."""
    terms = tokens[0] % TERM_BUCKETS
    for following in tokens[1:]:
        # Odd factors, so that neighbouring ids fall far apart; the buckets are part of the artefact.
        terms = (terms * 1_000_003 + following * 7_919 + 12_345) % TERM_BUCKETS
    return terms


def _in_a_row(input_ids: Tensor, length: int) -> list[Tensor]:
    # Counted from the end: the exported graph need not ask how many there are.
    return [input_ids[:, start : start + 1 - length or None] for start in range(length)]
