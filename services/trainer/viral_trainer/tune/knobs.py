"""Name the settings that a search tries out, and between which values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optuna.trial import BaseTrial

from viral_trainer.settings import TrainerSettings

# What else decides what is learned: the same in all trials. More layers or tokens would serve slower, too.
FIXED = (
    *("base_model", "encoder_layers", "max_tokens", "window_batches", "min_train_tweets", "train_seed"),
    *("likes_threshold", "min_age"),
)
DIGITS = 3  # of a value that is found; more say nothing


@dataclass(frozen=True)
class Knob:
    """Name a setting and the ends of its range, which the present value may widen."""

    setting: str
    low: float
    high: float
    by_ratio: bool = False  # from 1 to 2 is as far as from 2 to 4

    def choose(self, trial: BaseTrial, present: TrainerSettings) -> float:
        """Have the trial choose a value: whole for a whole setting."""
        now = getattr(present, self.setting)
        low, high = min(self.low, now), max(self.high, now)
        if TrainerSettings.model_fields[self.setting].annotation is int:  # a default of 0 may stand for 0.0
            return trial.suggest_int(self.setting, int(low), int(high), log=self.by_ratio)
        return trial.suggest_float(self.setting, low, high, log=self.by_ratio)


KNOBS = (
    Knob("encoder_lr", 1e-5, 1e-3, by_ratio=True),
    Knob("head_lr", 1e-4, 1e-2, by_ratio=True),
    Knob("train_batch_size", 16, 256, by_ratio=True),
    Knob("train_epochs", 1, 4),
    Knob("class_weight", 0, 1),
    Knob("frozen_layers", 0, 1),
)


def choose_settings(trial: BaseTrial, present: TrainerSettings) -> TrainerSettings:
    """Choose the settings of a trial."""
    return change_settings(present, {knob.setting: knob.choose(trial, present) for knob in KNOBS})


def change_settings(present: TrainerSettings, values: dict[str, float]) -> TrainerSettings:
    """Change knobs, rounded as they are shown."""
    return present.model_copy(update={name: round_value(value) for name, value in values.items()})


def round_value(value: float) -> float:
    """Round to DIGITS; whole numbers stay."""
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def list_values(settings: TrainerSettings) -> dict[str, float]:
    """List the knobs' values."""
    return {knob.setting: getattr(settings, knob.setting) for knob in KNOBS}


def list_facts(settings: TrainerSettings) -> dict[str, Any]:
    """List all that decides what is learned from given tweets."""
    return {name: getattr(settings, name) for name in FIXED} | list_values(settings)


def write_env(settings: TrainerSettings) -> str:
    """Write the lines for `.env`."""
    return "\n".join(f"VIRAL_{name.upper()}={value:g}" for name, value in list_values(settings).items())
