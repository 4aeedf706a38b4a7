"""The training loop, read from top to bottom.

trained = train(network, examples, validation, Recipe(epochs=2), on_step=print, on_validation=print)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import OneCycleLR
from viral_common.artefact.tokens import chunks_by_length
from viral_common.evaluation.scores import scores

from viral_trainer.data.examples import Examples, Minibatch, minibatch, shuffled_batches
from viral_trainer.devices import Device, this_device
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.training.calibration import fitted
from viral_trainer.training.gradient_workers import Workers
from viral_trainer.training.ranks import ALONE, Ranks

# Tweets whose texts are read together where nothing is learned.
SCORED_AT_ONCE = 64

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Recipe:
    """The knobs; found on validation tweets."""

    encoder_layers: int = 1  # of the base model's, from the first
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
        0.0  # 0: every tweet weighs the same; 1: viral tweets as much as all others together
    )
    few_tweets: int = 20_000  # a window of fewer is learned once more, with its validation tweets
    seed: int = 7
    threads: int = 2  # of each process

    def in_larger_batches(self, times: int) -> Recipe:
        """That many times more tweets a step, and rates that fit: Adam's grow with the root (Malladi et al. 2022)."""
        rates = {name: rate * math.sqrt(times) for name, rate in asdict(self).items() if name.endswith("_lr")}
        return replace(self, batch_size=times * self.batch_size, **rates)


@dataclass(frozen=True)
class Trained:
    """What validated best; the network given to `train` is in eval mode, as it was then or as it learned last."""

    logits: NDArray[np.float32] = field(
        compare=False, repr=False
    )  # of the validation tweets, told and untold, (2, n)
    metrics: dict[str, float]  # theirs, calibrated
    epoch: float
    steps: int
    seconds: float  # of training alone
    tweets_per_second: float


def train(
    network: ViralityNetwork,
    examples: Examples,
    validation: Examples,
    recipe: Recipe,
    on_step: Callable[[int, Tensor], None],  # step, training loss, still on the device
    on_validation: Callable[[float, int, dict[str, float]], None],  # epochs, step, validation metrics
    ranks: Ranks = ALONE,
    device: Device | None = None,  # what there is
) -> Trained:
    """Fine-tune encoder and head together; keep what validates best, stop when it gets worse.

    Few tweets are then learned once more, in as many steps, with the validation tweets among them; except where
    viral tweets weigh more, since each network answers that differently and the calibration is the first one's.
    Every rank is given the same and ends with the same.
    """
    device = device or this_device(ranks.local_rank)
    network.to(device.torch)
    untrained = _weights_of(network)
    steps_per_epoch = _steps_per_epoch(examples, recipe)
    validate_after = validation_steps_of(recipe.epochs, steps_per_epoch)
    seconds = 0.0
    best: Trained | None = None
    best_weights = untrained
    started = time.monotonic()
    with closing(_learning(network, examples, recipe, on_step, ranks, device)) as steps:
        for step, workers in steps:
            if step not in validate_after:
                continue
            seconds += time.monotonic() - started

            views = views_of(validation)
            logits = logits_of_views(network, validation, views, workers.map, ranks)
            calibration = fitted(logits[0], validation.labels)
            metrics = metrics_of(validation.labels, *map(calibration.probabilities, logits))
            epoch = step / steps_per_epoch
            on_validation(epoch, step, metrics)
            if best is not None and ranks.agreed(metrics["log_loss"] >= best.metrics["log_loss"]):
                break
            best = Trained(logits, metrics, epoch, step, seconds, epoch * len(examples) / seconds)
            best_weights = _weights_of(network)
            started = time.monotonic()

    assert best is not None  # noqa: S101  (validated at least once)
    learned = epoch * len(examples)
    if len(examples) < recipe.few_tweets and not recipe.class_weight:
        started = time.monotonic()
        everything = examples.followed_by(validation)
        network.load_state_dict(untrained)
        with closing(_learning(network, everything, recipe, on_step, ranks, device, after=step)) as steps:
            for _ in islice(steps, best.steps):
                pass
        learned += best.steps * recipe.batch_size
        seconds += time.monotonic() - started
    else:
        network.load_state_dict(best_weights)
    network.cpu().eval()
    return replace(best, seconds=seconds, tweets_per_second=learned / seconds)


def _learning(
    network: ViralityNetwork,
    examples: Examples,
    recipe: Recipe,
    on_step: Callable[[int, Tensor], None],
    ranks: Ranks,
    device: Device,
    after: int = 0,  # steps of a training before, for `on_step`
) -> Generator[tuple[int, Workers], None, None]:
    """Step after step, with who took it; up to its last epoch, or until closed."""
    rng = np.random.default_rng(recipe.seed)
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
    schedule = OneCycleLR(
        optimizer,
        max_lr=[recipe.encoder_lr, recipe.head_lr, recipe.pairs_lr],
        total_steps=recipe.epochs * _steps_per_epoch(examples, recipe) + 1,
        pct_start=recipe.warmup,
        cycle_momentum=False,
    )
    scaler = torch.amp.GradScaler(device.torch.type, enabled=device.scales_losses)
    viral_weight = viral_weight_of(examples, recipe.class_weight).to(device.torch)

    def summed_loss(batch: Minibatch) -> Tensor:
        logits = network(batch.input_ids, batch.attention_mask, batch.features)  # (batch,)
        return binary_cross_entropy_with_logits(
            logits.float(), batch.labels, pos_weight=viral_weight, reduction="sum"
        )

    with Workers(network, device, recipe.threads, recipe.batch_size, ranks) as workers:
        for step, batch in enumerate(batches_of(examples, recipe, rng), 1):
            network.train()
            loss = workers.gradient(batch, summed_loss, scaler.scale, recipe.seed, step - 1)
            scaler.unscale_(optimizer)
            workers.clip(recipe.clip_norm)
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
            on_step(after + step, loss)
            yield step, workers


def _weights_of(network: ViralityNetwork) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in network.state_dict().items()}


def _steps_per_epoch(examples: Examples, recipe: Recipe) -> int:
    return math.ceil(len(examples) / recipe.batch_size)


def batches_of(examples: Examples, recipe: Recipe, rng: np.random.Generator) -> Iterator[Minibatch]:
    """All epochs, one after the other; each hides other authors."""
    for _ in range(recipe.epochs):
        shown = examples.without(rng.random(len(examples)) < recipe.untold_authors)
        yield from shuffled_batches(shown, recipe.batch_size, rng)


def validation_steps_of(epochs: int, steps_per_epoch: int) -> set[int]:
    """The steps after which validation tweets are asked: each epoch's last, and from the second on its middle one.

    Learning by heart begins with the second sight of a tweet, and shows within half an epoch (docs/model-search.md).
    """
    ends = {epoch * steps_per_epoch for epoch in range(1, epochs + 1)}
    return ends | {end + steps_per_epoch // 2 for end in ends if end < epochs * steps_per_epoch}


def metrics_of(
    labels: NDArray[np.bool_], told: NDArray[np.float64], untold: NDArray[np.float64]
) -> dict[str, float]:
    """Of the probabilities with the author told, and the most important ones without."""
    without = scores(labels, untold)
    return scores(labels, told) | {
        f"{name}_untold": without[name] for name in ("auc", "log_loss") if name in without
    }


def views_of(examples: Examples) -> list[NDArray[np.float32]]:
    """Their features as they are, and with all authors untold."""
    return [examples.features, examples.without(np.ones(len(examples), dtype=np.bool_)).features]


def viral_weight_of(examples: Examples, class_weight: float) -> Tensor:
    """How much heavier than others viral tweets weigh in the loss; calibration takes the bias out again."""
    viral = int(examples.labels.sum())
    return torch.tensor(float((len(examples) - viral) / max(viral, 1)) ** class_weight)


def logits_of_views(
    network: ViralityNetwork,
    examples: Examples,
    views: Sequence[NDArray[np.float32]],
    run: Callable[[Callable[[Rows], None], Sequence[Rows]], Iterable[None]] = map,
    ranks: Ranks = ALONE,
) -> NDArray[np.float32]:
    """The deep part's, with each of several features, (n, features), as (views, n): texts are read once."""
    network.eval()
    device = next(network.parameters()).device
    logits = torch.zeros(len(views), len(examples))

    @torch.inference_mode()
    def score(rows: Rows) -> None:
        batch = minibatch(examples, rows).on(device)
        text = network.read(batch.input_ids, batch.attention_mask)
        for view, features in zip(logits, views, strict=True):
            view[rows] = network.judge(*text, torch.from_numpy(features[rows]).to(device)).cpu()

    chunks = list(chunks_by_length(examples.tokens.lengths, SCORED_AT_ONCE))
    list(run(score, chunks[ranks.rank :: ranks.world]))
    ranks.add_up(logits)
    return np.asarray(logits)
