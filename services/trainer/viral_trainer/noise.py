"""Dropout that is the same however the work is shared: each thread draws from a generator of its own.

torch's dropout draws from one generator for all threads, so that the weights would depend on which of them is first.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor, nn

_local = threading.local()


def seed_noise(device: torch.device, *seeds: int) -> None:
    """What this thread draws next follows from `seeds` alone."""
    _local.generator = torch.Generator(device).manual_seed(hash(seeds) % 2**63)


class Dropout(nn.Module):
    """As `nn.Dropout`, on each thread's own noise."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Some values zeroed, the others that much larger; nothing changes in eval mode."""
        if not self.training or self.share == 0:
            return values
        generator = getattr(_local, "generator", None)
        kept = torch.rand(values.shape, generator=generator, device=values.device) >= self.share
        return values * kept / (1 - self.share)
