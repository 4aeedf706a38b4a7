"""Describe an artefact's training: what it was made from, how, and how good it is on which tweets."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from viral_common.events import Share


class Part(BaseModel):
    """A piece of the artefact's JSON: frozen, and every number is one."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, protected_namespaces=())


class Slice(Part):
    """Hold figures over the tweets that have one thing in common."""

    of: str
    """What divides the slices: hour, words, media or author."""
    name: str
    count: PositiveInt
    viral_rate: Share
    stated_rate: Share
    """Mean probability; as far from `viral_rate` as the slice is miscalibrated."""
    auc: Share | None = None
    """Only with enough tweets of both classes, like its interval."""
    auc_low: Share | None = None
    auc_high: Share | None = None


class ReliabilityBin(Part):
    """Hold tweets of like probability: what was said of them and what became true."""

    count: PositiveInt
    stated_rate: Share
    viral_rate: Share


class TrainingSummary(Part):
    """Describe what the model was made from. Figures are on validation tweets, calibrated."""

    event_id: str
    batch_ids: tuple[str, ...]
    source: str
    simulated: bool
    window_from: datetime
    window_to: datetime
    train_count: PositiveInt
    validation_count: NonNegativeInt
    viral_rate: Share
    metrics: dict[str, float]
    slices: tuple[Slice, ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()
    recipe: dict[str, bool | int | float | str] = {}
    tweets_per_second: float | None = None
    trained_at: datetime
