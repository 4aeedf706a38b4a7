"""Hash terms (a token, or a few in a row) into buckets, so that no vocabulary need be kept."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Ids = TypeVar("Ids", Tensor, NDArray[np.int64])

TERM_BUCKETS = 2**18


def hash_next(terms: Ids, tokens: Ids) -> Ids:
    """Hash terms that go on by these tokens; the formula is part of every artefact."""
    # Odd factors, so that neighbouring ids fall far apart.
    return (terms * 1_000_003 + tokens * 7_919 + 12_345) % TERM_BUCKETS


def hash_terms(input_ids: Tensor, attention_mask: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Map int64 (batch, tokens) twice to the buckets of all terms of up to `longest` tokens, and 1 where there is one.

    Both int64 (batch, terms), short terms first.
    """
    of_length = [input_ids % TERM_BUCKETS]
    for length in range(1, longest):
        of_length.append(hash_next(of_length[-1][:, :-1], input_ids[:, length:]))
    there = [attention_mask[:, length:] for length in range(longest)]
    return torch.cat(of_length, dim=1), torch.cat(there, dim=1)


class TermWeights(nn.Module):
    """Hold one weight for each bucket; a text's are summed, by the root of their number."""

    weights: Tensor  # (TERM_BUCKETS,) float32

    def __init__(self, longest: int) -> None:
        super().__init__()
        self.longest = longest
        self.register_buffer("weights", torch.zeros(TERM_BUCKETS))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map int64 (batch, tokens) twice to (batch,)."""
        terms, there = hash_terms(input_ids, attention_mask, self.longest)
        weights = self.weights[terms] * there
        return weights.sum(dim=1) / there.sum(dim=1).to(weights.dtype).sqrt()
