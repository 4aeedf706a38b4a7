"""Train a model on a window of tweets, with its progress logged to a run in MLflow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import structlog
import torch
from torch import Tensor
from viral_common.artefact.training_summary import TrainingSummary
from viral_common.evaluation.intervals import compute_scores_with_intervals
from viral_common.evaluation.within_author import compute_within_author, freeze_authors
from viral_common.tweets.features import FEATURES
from viral_common.tweets.tweet import LabelledTweet, stack_authors, stack_labels

from viral_trainer.data.examples import compute_features, fit_scaling, make_examples
from viral_trainer.data.window import Window
from viral_trainer.devices import Device, find_device
from viral_trainer.evaluation.slices import score_slices
from viral_trainer.model.base_model import BaseModel
from viral_trainer.model.encoder import check_reading
from viral_trainer.model.export import TrainedModel, check_export
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.blending import Blend, blend_models
from viral_trainer.training.checkpoint import State
from viral_trainer.training.likes import measure_drafts, measure_likes
from viral_trainer.training.loop import Recipe, Trained, train
from viral_trainer.training.thresholds import choose_decision_threshold, measure_reliability

if TYPE_CHECKING:
    from viral_trainer.training.ray_cluster import RayCluster

log = structlog.get_logger()

# Of a training that no event caused.
NO_EVENT = UUID(int=0)
# Steps between two points of the training curve.
POINT_EVERY = 10
# A small window is gone through again until the head has seen this many steps, or MOST_EPOCHS.
ENOUGH_STEPS = 300
MOST_EPOCHS = 4
# A GPU takes so many times more tweets a step, where enough steps remain; fewer would leave it waiting for Python.
GPU_BATCHES = 4


class Progress(Protocol):
    """Accept curves: a run in MLflow, or a list in a test."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Add a point to each curve."""


class NoProgress:
    """Drop curves that nobody looks at."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Drop the point."""


def fit(
    window: Window,
    base: BaseModel,
    settings: TrainerSettings,
    event_id: UUID,
    progress: Progress,
    kept: State | None = None,
    keep: Callable[[State], None] = lambda _: None,
    cluster: RayCluster | None = None,
) -> tuple[TrainedModel, Trained]:
    """Tokenise, train, boost, calibrate. The same tweets and settings give the same model, wherever it goes on from."""
    recipe = choose_recipe(settings, len(window.train), cluster.device if cluster else find_device())
    torch.manual_seed(recipe.seed)  # the head's first weights are drawn here
    encoder = base.load_encoder(recipe.encoder_layers, recipe.frozen_layers)
    tokenizer = base.load_tokenizer(settings.max_tokens)
    check_reading(encoder, tokenizer, settings.max_tokens, base.name)
    network = ViralityNetwork(encoder, len(FEATURES))
    if encoder.config.model_type != "bert":  # of which it is known; it takes a second and more
        check_export(network, base.name)
    features = compute_features(window.train)
    scaling = fit_scaling(features)
    examples = make_examples(window.train, tokenizer, scaling, features)
    validation = make_examples(window.validation, tokenizer, scaling)
    curves = Curves(progress)
    on_step, on_validation = curves.on_step, curves.on_validation
    learn = cluster.train if cluster else train
    trained = learn(network, examples, validation, recipe, on_step, on_validation, kept=kept, keep=keep)
    started = time.monotonic()
    paired = freeze_authors(window.validation)
    frozen = make_examples(paired, tokenizer, scaling)
    blend = blend_models(network, trained.logits, examples, validation, frozen, recipe)
    trained = replace(trained, seconds=trained.seconds + time.monotonic() - started)
    called_from = choose_decision_threshold(validation.labels, blend.probabilities)
    model = TrainedModel(
        network=network,
        tokenizer=tokenizer,
        scaling=scaling,
        calibration=blend.calibration,
        max_tokens=settings.max_tokens,
        likes_threshold=settings.likes_threshold,
        base_model=base.name,
        base_model_source=base.source,
        training=_build_summary(window, event_id, recipe, trained, blend, called_from, paired),
        likes=measure_likes(blend.log_likes, validation.log_likes),
        drafts=measure_drafts(window.train[-len(blend.gains) :], blend.gains),
        decision_threshold=called_from,
    )
    return model, trained


def choose_recipe(settings: TrainerSettings, tweets: int, device: Device) -> Recipe:
    """Choose the knobs from the settings, for so many tweets to train on."""
    enough = math.ceil(ENOUGH_STEPS * settings.train_batch_size / tweets)
    recipe = Recipe(
        encoder_layers=settings.encoder_layers,
        frozen_layers=settings.frozen_layers,
        epochs=max(settings.train_epochs, min(enough, MOST_EPOCHS)),
        batch_size=settings.train_batch_size,
        encoder_lr=settings.encoder_lr,
        head_lr=settings.head_lr,
        class_weight=settings.class_weight,
        seed=settings.train_seed,
        threads=settings.cores,
    )
    roomy = recipe.epochs * tweets >= ENOUGH_STEPS * GPU_BATCHES * recipe.batch_size
    return recipe.enlarge_batches(GPU_BATCHES) if device.is_gpu and roomy else recipe


def list_params(
    window: Window, base: BaseModel, settings: TrainerSettings, cluster: RayCluster | None = None
) -> dict[str, object]:
    """List what MLflow shows as the run's parameters."""
    device = cluster.device if cluster else find_device()
    return {
        **asdict(choose_recipe(settings, len(window.train), device)),
        "device": device.name,
        "half_precision": "each worker's own" if cluster else str(device.half),
        "trained_on": cluster.describe() if cluster else "one process",
        "base_model": base.name,
        "max_tokens": settings.max_tokens,
        "likes_threshold": settings.likes_threshold,
        "features": ", ".join(FEATURES),
        "window_batches": len(window.batches),
        "train_count": len(window.train),
        "validation_count": len(window.validation),
    }


@dataclass
class Curves:
    """Log the mean loss of every POINT_EVERY steps, and the scores of each validation."""

    progress: Progress
    losses: list[Tensor] = field(default_factory=list)

    def on_step(self, step: int, loss: Tensor) -> None:
        self.losses.append(loss)
        if len(self.losses) == POINT_EVERY:  # a GPU is not waited for at every step
            self.progress.log_metrics({"train_loss": float(torch.stack(self.losses).mean())}, step)
            self.losses.clear()

    def on_validation(self, epoch: float, step: int, scores: dict[str, float]) -> None:
        figures = {f"val_{new}": scores[old] for old, new in _CURVES.items() if old in scores}
        self.progress.log_metrics({**figures, "epoch": epoch}, step)
        rounded = {name: round(value, 4) for name, value in figures.items()}
        log.info("validated", epoch=round(epoch, 2), step=step, **rounded)


_CURVES = {
    "log_loss": "loss",
    "auc": "auc",
    "average_precision": "average_precision",
    "accuracy": "accuracy",
}


def _build_summary(
    window: Window,
    event_id: UUID,
    recipe: Recipe,
    trained: Trained,
    blend: Blend,
    called_from: float,
    paired: Sequence[LabelledTweet],
) -> TrainingSummary:
    source = window.batches[-1].source
    labels, probabilities = stack_labels(window.validation), blend.probabilities
    return TrainingSummary(
        event_id=str(event_id),
        batch_ids=tuple(str(batch.id) for batch in window.batches),
        source=source,
        simulated=source == "simulated",
        window_from=window.batches[0].window_from,
        window_to=window.batches[-1].window_to,
        train_count=len(window.train),
        validation_count=len(window.validation),
        viral_rate=window.viral_rate,
        metrics=blend.scores
        | compute_scores_with_intervals(labels, probabilities, stack_authors(window.validation), called_from)
        | compute_within_author(paired, *blend.frozen),
        slices=score_slices(window.validation, probabilities),
        reliability=measure_reliability(labels, probabilities),
        recipe=asdict(recipe)
        | {"best_epoch": round(trained.epoch, 2), "boosted_share": round(blend.shares.trees, 4)},
        tweets_per_second=trained.tweets_per_second,
        trained_at=datetime.now(UTC),
    )
