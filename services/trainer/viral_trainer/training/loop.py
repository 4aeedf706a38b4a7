"""Train the network, read from top to bottom.

trained = train(network, examples, validation, Recipe(epochs=2), on_step=print, on_validation=print)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

import numpy as np
import structlog
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
from viral_trainer.training.checkpoint import State
from viral_trainer.training.group import ALONE, Group

log = structlog.get_logger()

# Tweets whose texts are read together where nothing is learned.
SCORED_AT_ONCE = 64
# Between two validations, too, what is reached is kept this often: it takes a tenth of a second.
KEEP_EVERY_S = 30.0


@dataclass(frozen=True)
class Recipe:
    """Hold the knobs; found on validation tweets."""

    encoder_layers: int = 1  # of the base model's, from the first
    frozen_layers: int = 0  # of these, from the first
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
    place: str = "one process"


@dataclass
class Course:
    """Hold where a training stands between two steps."""

    network: ViralityNetwork
    optimizer: torch.optim.Optimizer
    schedule: OneCycleLR
    scaler: torch.amp.GradScaler
    step: int = 0
    seconds: float = 0.0  # of training alone
    best: Trained | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    over: bool = False  # nothing better is to come

    def to_state(self) -> State:
        """Take all that the next step depends on; the order of tweets follows from the seed."""
        best = self.best and {**vars(self.best), "logits": torch.from_numpy(self.best.logits)}
        return {
            **{name: getattr(self, name) for name in ("step", "seconds", "over", "best_weights")},
            **{name: getattr(self, name).state_dict() for name in ("optimizer", "schedule", "scaler")},
            "best": best,
            "weights": copy_weights(self.network),
            "random": torch.get_rng_state(),
            "random_gpus": torch.cuda.get_rng_state_all(),
        }

    def restore(self, state: State) -> None:
        """Stand where it stood when the state was taken."""
        for name in ("step", "seconds", "over", "best_weights"):
            setattr(self, name, state[name])
        if best := state["best"]:
            self.best = Trained(**{**best, "logits": best["logits"].numpy()})
        self.network.load_state_dict(state["weights"], strict=False)
        optimizer = state["optimizer"]
        moments = {
            int(number): moment for number, moment in optimizer["state"].items()
        }  # JSON's keys are texts
        self.optimizer.load_state_dict({**optimizer, "state": moments})
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        torch.cuda.set_rng_state_all(state["random_gpus"][: torch.cuda.device_count()])


def train(
    network: ViralityNetwork,
    examples: Examples,
    validation: Examples,
    recipe: Recipe,
    on_step: Callable[[int, Tensor], None],  # step, training loss, still on the device
    on_validation: Callable[[float, int, dict[str, float]], None],  # epochs, step, validation scores
    device: Device | None = None,  # what there is
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network,  # as DistributedDataParallel does
    kept: State | None = None,  # to go on from
    keep: Callable[[State], None] = lambda _: None,  # what is reached
    group: Group = ALONE,  # of processes that each take a share of every step, and give the same callbacks
) -> Trained:
    """Fine-tune encoder and head together; keep what validates best, stop when it gets worse."""
    device = device or find_device()
    torch.set_num_threads(recipe.threads)
    network.to(device.torch)
    steps_per_epoch = count_steps(examples, recipe)
    validate_after = choose_validation_steps(recipe.epochs, steps_per_epoch)
    course = start_course(network, examples, recipe, device)
    if kept:
        course.restore(kept)
        log.info("training goes on from its checkpoint", step=course.step)
    if group.rank:
        torch.manual_seed(recipe.seed + group.rank + course.step)  # another dropout than the first one's
    started = time.monotonic()
    for step, loss in take_steps(course, examples, recipe, device, wrap, group):
        on_step(step, loss)
        course.step = step
        if step not in validate_after:
            if time.monotonic() - started > KEEP_EVERY_S:
                course.seconds += time.monotonic() - started
                keep(course.to_state())
                started = time.monotonic()
            continue
        course.seconds += time.monotonic() - started

        logits = group.add_up(compute_view_logits(network, validation, group=group))
        calibration = fit_calibration(logits[0], validation.labels)
        scores = compute_scores(validation.labels, calibration.compute_probabilities(logits[0]))
        epoch = step / steps_per_epoch
        on_validation(epoch, step, scores)
        worse = course.best is not None and scores["log_loss"] >= course.best.scores["log_loss"]
        course.over = bool(group.add_up(np.array([worse], np.float32))[0])  # the same for all
        if not course.over:
            speed = epoch * len(examples) / course.seconds
            course.best = Trained(logits, scores, epoch, step, course.seconds, speed)
            course.best_weights = copy_weights(network)
        keep(course.to_state())
        started = time.monotonic()

    assert course.best is not None  # noqa: S101  (validated at least once)
    network.load_state_dict(course.best_weights, strict=False)
    network.cpu().eval()
    seen = course.step / steps_per_epoch * len(examples)
    return replace(course.best, seconds=course.seconds, tweets_per_second=seen / course.seconds)


def start_course(network: ViralityNetwork, examples: Examples, recipe: Recipe, device: Device) -> Course:
    """Stand before the first step."""
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
    torch.manual_seed(recipe.seed)  # dropout draws from it
    scaler = torch.amp.GradScaler(device.torch.type, enabled=device.scales_losses)
    return Course(network, optimizer, schedule, scaler)


def take_steps(
    course: Course,
    examples: Examples,
    recipe: Recipe,
    device: Device,
    wrap: Callable[[nn.Module], nn.Module],
    group: Group,
) -> Iterator[tuple[int, Tensor]]:
    """Take step after step until the course is over or the last epoch ends; yield each step's number and loss."""
    model, optimizer, scaler = wrap(course.network), course.optimizer, course.scaler
    viral_weight = weigh_viral_tweets(examples, recipe.class_weight).to(device.torch)
    batches = draw_batches(examples, recipe, np.random.default_rng(recipe.seed))
    for step, batch in enumerate(islice(batches, course.step, None), course.step + 1):
        if course.over:
            return
        model.train()
        batch, weight = batch.take_share(group.rank, group.size)
        batch = batch.copy_to(device.torch)
        with torch.autocast(device.torch.type, device.half, enabled=device.half is not None):
            logits = model(batch.input_ids, batch.attention_mask, batch.features)  # (batch,)
        loss = binary_cross_entropy_with_logits(logits.float(), batch.labels, pos_weight=viral_weight)
        scaler.scale(weight * loss).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(optimizer)
        clip_grad_norm_(model.parameters(), recipe.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        course.schedule.step()
        optimizer.zero_grad()
        yield step, loss.detach()


def copy_weights(network: ViralityNetwork) -> dict[str, Tensor]:
    """Copy the weights that training changes."""
    changing = {name for name, weight in network.named_parameters() if weight.requires_grad}
    return {name: weight.clone() for name, weight in network.state_dict().items() if name in changing}


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
    model: ViralityNetwork | BoostedText,
    examples: Examples,
    views: Sequence[ScoredView] = VIEWS,
    group: Group = ALONE,
) -> NDArray[np.float32]:
    """Compute the logits of the deep or the shallow model for each view, (views, n). Texts are read once for all.

    Those that others of the group compute are 0.
    """
    model.eval()
    judge: Callable[..., Tensor] = model.judge
    device = next(iter(model.state_dict().values())).device
    shown = [examples.show(view.view, view.content) for view in views]
    nothing = model.read(
        *(torch.from_numpy(part).to(device) for part in examples.empty.pad_rows(np.array([0])))
    )
    logits = np.zeros((len(views), len(examples)), np.float32)
    chunks = choose_chunks_by_length(examples.tokens.lengths, SCORED_AT_ONCE)
    for rows in islice(chunks, group.rank, None, group.size):
        batch = make_minibatch(examples, rows).copy_to(device)
        text = model.read(batch.input_ids, batch.attention_mask)
        no_text = [part.expand(len(rows), *part.shape[1:]) for part in nothing]
        for of_view, view, seen in zip(logits, views, shown, strict=True):
            features = torch.from_numpy(seen[rows]).to(device)
            of_view[rows] = judge(*(text if view.content else no_text), features).cpu().numpy()
    return logits
