"""Dropout that is the same however a batch is shared: each tweet's noise follows from the seed and its place alone.

torch's own draws from one generator for all threads, so that the weights would depend on which of them is first.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Noise:
    """Of the rows `rows` of a batch of `size` tweets."""

    generator: torch.Generator
    rows: slice
    size: int

    def uniform(self, like: Tensor) -> Tensor:
        """From 0 to 1, for values of shape (these rows, ...): drawn for the whole batch, so that all draw alike."""
        shape = (self.size, *like.shape[1:])
        return torch.rand(shape, generator=self.generator, device=like.device)[self.rows]


_of_this_thread = threading.local()


def seed_noise(device: torch.device, rows: slice, size: int, *seeds: int) -> None:
    """What this thread draws next is that of these rows of a batch, and follows from `seeds` alone."""
    generator = torch.Generator(device).manual_seed(hash(seeds) % 2**63)
    _of_this_thread.noise = Noise(generator, rows, size)


class Dropout(nn.Module):
    """As `nn.Dropout` of rows of tweets, after `seed_noise`."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Some values zeroed, the others that much larger; nothing changes in eval mode."""
        if not self.training:
            return values
        noise: Noise = _of_this_thread.noise
        return values * (noise.uniform(values) >= self.share) / (1 - self.share)
