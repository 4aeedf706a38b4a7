"""Train the network, read from top to bottom.

trained = train(network, examples, validation, Recipe(epochs=2), on_step=print, on_validation=print)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR
from viral_common.artefact.tokens import choose_chunks_by_length
from viral_common.evaluation.scores import compute_scores

from viral_trainer.data.examples import Examples, Minibatch, draw_shuffled_batches, make_minibatch
from viral_trainer.data.views import VIEWS, ScoredView
from viral_trainer.devices import Device, find_device
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.model.text_trees import BoostedText
from viral_trainer.training.calibration import fit_calibration

# Tweets whose texts are read together where nothing is learned.
SCORED_AT_ONCE = 64


@dataclass(frozen=True)
class Recipe:
    """Hold the knobs; found on validation tweets."""

    encoder_layers: int = 1  # of the base model's, from the first
    epochs: int = 2
    batch_size: int = 64
    encoder_lr: float = 1e-4  # peak of the one-cycle schedule
    head_lr: float = 1e-3
    pairs_lr: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps until the peak
    clip_norm: float = 1.0
    # 0: every tweet weighs the same; 1: viral tweets as much as all others together.
    class_weight: float = 0.0
    seed: int = 7
    threads: int = 2

    def enlarge_batches(self, times: int) -> Recipe:
        """Enlarge batches, and rates with them: Adam's grow with the root (Malladi et al. 2022)."""
        rates = {name: rate * math.sqrt(times) for name, rate in asdict(self).items() if name.endswith("_lr")}
        return replace(self, batch_size=times * self.batch_size, **rates)


@dataclass(frozen=True)
class Trained:
    """Hold what validated best; the network given to `train` is in eval mode, as it was then."""

    # Of the validation tweets, by VIEWS, (views, n).
    logits: NDArray[np.float32] = field(compare=False, repr=False)
    scores: dict[str, float]  # theirs with all that is known, calibrated
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
    on_validation: Callable[[float, int, dict[str, float]], None],  # epochs, step, validation scores
    device: Device | None = None,  # what there is
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network,  # as DistributedDataParallel does
) -> Trained:
    """Fine-tune encoder and head together; keep what validates best, stop when it gets worse."""
    device = device or find_device()
    torch.set_num_threads(recipe.threads)
    network.to(device.torch)
    steps_per_epoch = count_steps(examples, recipe)
    validate_after = choose_validation_steps(recipe.epochs, steps_per_epoch)
    seconds, best = 0.0, None
    started = time.monotonic()
    for step, loss in take_steps(network, examples, recipe, device, wrap):
        on_step(step, loss)
        if step not in validate_after:
            continue
        seconds += time.monotonic() - started

        logits = compute_view_logits(network, validation)
        calibration = fit_calibration(logits[0], validation.labels)
        scores = compute_scores(validation.labels, calibration.compute_probabilities(logits[0]))
        epoch = step / steps_per_epoch
        on_validation(epoch, step, scores)
        if best is not None and scores["log_loss"] >= best.scores["log_loss"]:
            break
        best = Trained(logits, scores, epoch, step, seconds, epoch * len(examples) / seconds)
        best_weights = copy_weights(network)
        started = time.monotonic()

    assert best is not None  # noqa: S101  (validated at least once)
    network.load_state_dict(best_weights)
    network.cpu().eval()
    return replace(best, seconds=seconds, tweets_per_second=epoch * len(examples) / seconds)


def take_steps(
    network: ViralityNetwork,
    examples: Examples,
    recipe: Recipe,
    device: Device,
    wrap: Callable[[nn.Module], nn.Module],
) -> Iterator[tuple[int, Tensor]]:
    """Take step after step to the end of the last epoch; yield each step's number and loss."""
    model = wrap(network)
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
        total_steps=recipe.epochs * count_steps(examples, recipe) + 1,
        pct_start=recipe.warmup,
        cycle_momentum=False,
    )
    scaler = torch.amp.GradScaler(device.torch.type, enabled=device.scales_losses)
    viral_weight = weigh_viral_tweets(examples, recipe.class_weight).to(device.torch)
    rng = np.random.default_rng(recipe.seed)
    torch.manual_seed(recipe.seed)  # dropout draws from it

    for step, batch in enumerate(draw_batches(examples, recipe, rng), 1):
        model.train()
        batch = batch.copy_to(device.torch)
        with torch.autocast(device.torch.type, device.half, enabled=device.half is not None):
            logits = model(batch.input_ids, batch.attention_mask, batch.features)  # (batch,)
        loss = binary_cross_entropy_with_logits(logits.float(), batch.labels, pos_weight=viral_weight)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(optimizer)
        clip_grad_norm_(model.parameters(), recipe.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        optimizer.zero_grad()
        yield step, loss.detach()


def copy_weights(network: ViralityNetwork) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in network.state_dict().items()}


def count_steps(examples: Examples, recipe: Recipe) -> int:
    return math.ceil(len(examples) / recipe.batch_size)


def draw_batches(examples: Examples, recipe: Recipe, rng: np.random.Generator) -> Iterator[Minibatch]:
    """Draw the batches of all epochs, one after the other."""
    for _ in range(recipe.epochs):
        yield from draw_shuffled_batches(examples, recipe.batch_size, rng)


def choose_validation_steps(epochs: int, steps_per_epoch: int) -> set[int]:
    """Choose the steps to validate after: each epoch's last, and from the second on its middle one.

    Overfitting begins with the second sight of a tweet, and shows within half an epoch (docs/model-search.md).
    """
    ends = {epoch * steps_per_epoch for epoch in range(1, epochs + 1)}
    return ends | {end + steps_per_epoch // 2 for end in ends if end < epochs * steps_per_epoch}


def weigh_viral_tweets(examples: Examples, class_weight: float) -> Tensor:
    """Weigh viral tweets against others in the loss; calibration takes the bias out again."""
    viral = int(examples.labels.sum())
    return torch.tensor(float((len(examples) - viral) / max(viral, 1)) ** class_weight)


@torch.inference_mode()
def compute_view_logits(
    model: ViralityNetwork | BoostedText, examples: Examples, views: Sequence[ScoredView] = VIEWS
) -> NDArray[np.float32]:
    """Compute the logits of the deep or the shallow model for each view, (views, n). Texts are read once for all."""
    model.eval()
    judge: Callable[..., Tensor] = model.judge
    device = next(iter(model.state_dict().values())).device
    shown = [examples.show(view.view, view.content) for view in views]
    nothing = model.read(
        *(torch.from_numpy(part).to(device) for part in examples.empty.pad_rows(np.array([0])))
    )
    logits = np.empty((len(views), len(examples)), np.float32)
    for rows in choose_chunks_by_length(examples.tokens.lengths, SCORED_AT_ONCE):
        batch = make_minibatch(examples, rows).copy_to(device)
        text = model.read(batch.input_ids, batch.attention_mask)
        no_text = [part.expand(len(rows), *part.shape[1:]) for part in nothing]
        for of_view, view, seen in zip(logits, views, shown, strict=True):
            features = torch.from_numpy(seen[rows]).to(device)
            of_view[rows] = judge(*(text if view.content else no_text), features).cpu().numpy()
    return logits
