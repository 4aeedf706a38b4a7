"""The training loop, read from top to bottom.

trained = train(network, examples, validation, Recipe(epochs=2), on_step=print, on_epoch=print)
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import OneCycleLR
from viral_common.metrics import scores
from viral_common.tokens import chunks_by_length

from viral_trainer.data import Examples, minibatch, shuffled_batches
from viral_trainer.network import ViralityNetwork

log = structlog.get_logger()


@dataclass(frozen=True)
class Recipe:
    """The knobs; found on validation tweets."""

    epochs: int = 2
    batch_size: int = 64
    encoder_lr: float = 2e-4  # peak of the one-cycle schedule
    head_lr: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps until the peak
    clip_norm: float = 1.0
    seed: int = 7
    threads: int = 2


@dataclass(frozen=True)
class Trained:
    """The best epoch's network and how it got there."""

    network: ViralityNetwork  # in eval mode
    validation_logits: NDArray[np.float32]  # (validation,)
    best_epoch: int
    seconds: float
    tweets_per_second: float


def train(
    network: ViralityNetwork,
    examples: Examples,
    validation: Examples,
    recipe: Recipe,
    on_step: Callable[[int, float], None],  # step, training loss
    on_epoch: Callable[[int, int, dict[str, float]], None],  # epoch, step, validation metrics
) -> Trained:
    """Fine-tune encoder and head together; stop when validation loss rises, keep the best epoch's weights."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    rng = np.random.default_rng(recipe.seed)

    optimizer = torch.optim.AdamW(
        [
            {"params": network.encoder.parameters(), "lr": recipe.encoder_lr},
            {"params": network.head.parameters(), "lr": recipe.head_lr},
        ],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    steps_per_epoch = -(-len(examples) // recipe.batch_size)
    schedule = OneCycleLR(
        optimizer,
        max_lr=[recipe.encoder_lr, recipe.head_lr],
        total_steps=recipe.epochs * steps_per_epoch + 1,
        pct_start=recipe.warmup,
        cycle_momentum=False,
    )

    best_loss, best_epoch, best_weights, best_logits = float("inf"), 0, {}, np.empty(0, np.float32)
    step, started, seconds = 0, time.monotonic(), 0.0
    for epoch in range(1, recipe.epochs + 1):
        network.train()
        for batch in shuffled_batches(examples, recipe.batch_size, rng):
            logits = network(batch.input_ids, batch.attention_mask, batch.features)  # (batch,)
            loss = binary_cross_entropy_with_logits(logits, batch.labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
            optimizer.step()
            schedule.step()
            step += 1
            on_step(step, loss.item())

        seconds = time.monotonic() - started
        validation_logits = logits_of(network, validation)
        metrics = scores(validation.labels, 1 / (1 + np.exp(-validation_logits.astype(np.float64))))
        on_epoch(epoch, step, metrics)
        log.info(
            "epoch done", epoch=epoch, val_loss=round(metrics["log_loss"], 4), val_auc=metrics.get("auc")
        )
        if metrics["log_loss"] >= best_loss:
            break
        best_loss, best_epoch, best_logits = metrics["log_loss"], epoch, validation_logits
        best_weights = copy.deepcopy(network.state_dict())

    network.load_state_dict(best_weights)
    return Trained(network.eval(), best_logits, best_epoch, seconds, step * recipe.batch_size / seconds)


@torch.inference_mode()
def logits_of(network: ViralityNetwork, examples: Examples, size: int = 256) -> NDArray[np.float32]:
    """Logits in the examples' order, shape (n,)."""
    network.eval()
    logits = np.empty(len(examples), dtype=np.float32)
    for rows in chunks_by_length(examples.tokens, size):
        batch = minibatch(examples, rows)
        logits[rows] = network(batch.input_ids, batch.attention_mask, batch.features).numpy()
    return logits
