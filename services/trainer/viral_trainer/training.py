"""The training loop, read from top to bottom.

trained = train(network, examples, validation, Recipe(epochs=2), on_step=print, on_epoch=print)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import OneCycleLR
from viral_common.artefact import Calibration
from viral_common.metrics import scores
from viral_common.tokens import chunks_by_length

from viral_trainer.calibration import fitted
from viral_trainer.data import Examples, minibatch, shuffled_batches
from viral_trainer.network import ViralityNetwork


@dataclass(frozen=True)
class Recipe:
    """The knobs; found on validation tweets."""

    epochs: int = 2
    batch_size: int = 64
    encoder_lr: float = 1e-4  # peak of the one-cycle schedule
    head_lr: float = 1e-3
    pairs_lr: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps until the peak
    clip_norm: float = 1.0
    untold_authors: float = 0.3  # share of tweets, drawn anew each epoch, that hide whose they are
    class_weight: float = (
        0.0  # 0: each tweet weighs the same; 1: viral tweets weigh as much as the others together
    )
    seed: int = 7
    threads: int = 2


@dataclass(frozen=True)
class Trained:
    """The best epoch and how it got there. The network given to `train` carries its weights, in eval mode."""

    calibration: Calibration
    metrics: dict[str, float]  # on the validation tweets, calibrated
    probabilities: NDArray[np.float64] = field(compare=False, repr=False)  # theirs, shape (n,)
    epoch: int
    steps: int
    seconds: float  # of training alone
    tweets_per_second: float


def train(
    network: ViralityNetwork,
    examples: Examples,
    validation: Examples,
    recipe: Recipe,
    on_step: Callable[[int, float], None],  # step, training loss
    on_epoch: Callable[[int, int, dict[str, float]], None],  # epoch, step, validation metrics
) -> Trained:
    """Fine-tune encoder and head together; keep the best epoch, stop when one is worse than that before."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    rng = np.random.default_rng(recipe.seed)
    half_precision = can_bfloat16()

    optimizer = torch.optim.AdamW(
        [
            {"params": network.encoder.parameters(), "lr": recipe.encoder_lr},
            {"params": [*network.head.parameters(), *network.periodic.parameters()], "lr": recipe.head_lr},
            # Most buckets see no tweet in a step: decay would pull them to zero meanwhile.
            {"params": network.pairs.parameters(), "lr": recipe.pairs_lr, "weight_decay": 0.0},
        ],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    steps_per_epoch = sum(1 for _ in range(0, len(examples), recipe.batch_size))
    schedule = OneCycleLR(
        optimizer,
        max_lr=[recipe.encoder_lr, recipe.head_lr, recipe.pairs_lr],
        total_steps=recipe.epochs * steps_per_epoch + 1,
        pct_start=recipe.warmup,
        cycle_momentum=False,
    )

    viral_weight = viral_weight_of(examples, recipe.class_weight)
    step, seconds = 0, 0.0
    best: Trained | None = None
    best_weights = network.state_dict()
    for epoch in range(1, recipe.epochs + 1):
        started = time.monotonic()
        network.train()
        shown = examples.without(rng.random(len(examples)) < recipe.untold_authors)
        for batch in shuffled_batches(shown, recipe.batch_size, rng):
            with torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
                logits = network(batch.input_ids, batch.attention_mask, batch.features)  # (batch,)
            loss = binary_cross_entropy_with_logits(logits.float(), batch.labels, pos_weight=viral_weight)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
            optimizer.step()
            schedule.step()
            step += 1
            on_step(step, loss.item())
        seconds += time.monotonic() - started

        validation_logits = logits_of(network, validation)
        calibration = fitted(validation_logits, validation.labels)
        probabilities = calibration.probabilities(validation_logits)
        metrics = scores(validation.labels, probabilities)
        nobodys = logits_of(network, validation.without(np.ones(len(validation), dtype=np.bool_)))
        untold = scores(validation.labels, calibration.probabilities(nobodys))
        metrics |= {f"{name}_untold": value for name, value in untold.items() if name in ("auc", "log_loss")}
        on_epoch(epoch, step, metrics)
        if best is not None and metrics["log_loss"] >= best.metrics["log_loss"]:
            break
        best = Trained(
            calibration, metrics, probabilities, epoch, step, seconds, epoch * len(examples) / seconds
        )
        best_weights = {name: weight.clone() for name, weight in network.state_dict().items()}

    assert best is not None  # noqa: S101  (at least one epoch)
    network.load_state_dict(best_weights)
    network.eval()
    return replace(best, seconds=seconds, tweets_per_second=epoch * len(examples) / seconds)


def viral_weight_of(examples: Examples, class_weight: float) -> Tensor:
    """How much heavier than others viral tweets weigh in the loss; calibration takes the bias out again."""
    viral = int(examples.labels.sum())
    return torch.tensor(float((len(examples) - viral) / max(viral, 1)) ** class_weight)


def can_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; elsewhere it would be slower than float32."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@torch.inference_mode()
def logits_of(network: ViralityNetwork, examples: Examples, size: int = 64) -> NDArray[np.float32]:
    """Logits in the examples' order, float32 (n,)."""
    network.eval()
    logits = np.empty(len(examples), dtype=np.float32)
    for rows in chunks_by_length(examples.tokens, size):
        batch = minibatch(examples, rows)
        logits[rows] = network(batch.input_ids, batch.attention_mask, batch.features).numpy()
    return logits
