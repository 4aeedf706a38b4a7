"""Find out what to compute on, and in which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import torch


class Gpus(Protocol):
    """Say what GPUs a machine has, as `torch.cuda` does."""

    def is_available(self) -> bool:
        """Say whether there is one that works."""

    def is_bf16_supported(self, including_emulation: bool = True) -> bool:
        """Say whether it multiplies bfloat16."""


@dataclass(frozen=True)
class Device:
    """Name where tensors lie, and the type that matrix products are computed in."""

    name: str  # as torch knows it: cpu, cuda:0
    half: torch.dtype | None  # None: float32, for nothing shorter is faster here

    @property
    def torch(self) -> torch.device:
        """The device itself."""
        return torch.device(self.name)

    @property
    def is_gpu(self) -> bool:
        """Whether one thread keeps it busy."""
        return self.name != "cpu"

    @property
    def scales_losses(self) -> bool:
        """Whether gradients would vanish: float16 knows no number below 6e-8."""
        return self.half is torch.float16


def find_device(gpus: Gpus = torch.cuda) -> Device:
    """Find a GPU, or take the processor where there is none."""
    if not gpus.is_available():
        return find_processor()
    half = torch.bfloat16 if gpus.is_bf16_supported(including_emulation=False) else torch.float16
    return Device("cuda:0", half)


def find_processor() -> Device:
    """Take the processor, GPUs or none."""
    return Device("cpu", torch.bfloat16 if has_bfloat16() else None)


@cache
def has_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 itself; elsewhere it would be slower than float32."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
