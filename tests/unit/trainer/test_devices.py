"""What a machine has is used without a switch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from viral_trainer.devices import Device, find_device, has_bfloat16
from viral_trainer.settings import OfflineSettings
from viral_trainer.training.fit import choose_recipe
from viral_trainer.training.loop import Recipe

CPU, GPU = Device("cpu", None), Device("cuda:0", torch.bfloat16)


@dataclass
class FakeGpus:
    """A machine's GPUs; `bfloat16`: whether they multiply it themselves."""

    available: bool
    bfloat16: bool = False

    def is_available(self) -> bool:
        return self.available

    def is_bf16_supported(self, including_emulation: bool = True) -> bool:
        return self.bfloat16 or including_emulation


def test_without_a_gpu_it_is_the_processor() -> None:
    device = find_device(gpus=FakeGpus(available=False))

    assert device == Device("cpu", torch.bfloat16 if has_bfloat16() else None)
    assert not device.is_gpu


def test_a_newer_gpu_computes_in_bfloat16() -> None:
    device = find_device(gpus=FakeGpus(available=True, bfloat16=True))

    assert device == Device("cuda:0", torch.bfloat16)
    assert device.is_gpu
    assert not device.scales_losses


def test_an_older_gpu_computes_in_float16_with_scaled_losses() -> None:
    device = find_device(gpus=FakeGpus(available=True, bfloat16=False))

    assert device.half is torch.float16
    assert device.scales_losses


def test_a_gpu_gets_larger_batches_and_higher_rates() -> None:
    small, large = (choose_recipe(OfflineSettings(), 100_000, device) for device in (CPU, GPU))

    assert large.batch_size == 4 * small.batch_size
    assert large.encoder_lr == pytest.approx(2 * small.encoder_lr)
    assert large.epochs == small.epochs


def test_a_small_window_needs_its_steps_more_than_a_gpu_its_batches() -> None:
    assert choose_recipe(OfflineSettings(), 5_000, GPU) == choose_recipe(OfflineSettings(), 5_000, CPU)


def test_rates_grow_with_the_root_of_the_batch() -> None:
    larger = Recipe(batch_size=10, encoder_lr=1.0, head_lr=2.0).enlarge_batches(9)

    assert (larger.batch_size, larger.encoder_lr, larger.head_lr) == (90, 3.0, 6.0)
    assert math.isclose(larger.pairs_lr, 3 * Recipe().pairs_lr)
