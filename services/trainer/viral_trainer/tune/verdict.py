"""Compare what a search found with the present settings, on several seeds and on tweets that no trial saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna
from viral_common.evaluation.intervals import Interval, estimate_mean_interval
from viral_common.tweets.tweet import stack_authors
from viral_common.workers import Workers

from viral_trainer.settings import TrainerSettings
from viral_trainer.tune.knobs import change_settings, list_values, write_env
from viral_trainer.tune.search import Search, SeedScores, SeedTask, Task, train_seed


@dataclass(frozen=True)
class Verdict:
    """Hold both sides' scores by seed, and how the found settings' loss differs."""

    found: TrainerSettings
    scores: dict[str, list[SeedScores]]  # by side
    interval: Interval  # 95%, of the difference of the losses

    @property
    def differences(self) -> list[float]:
        """Subtract the present settings' mean loss from the found ones', by seed."""
        present, found = ([np.mean(one.losses) for one in side] for side in self.scores.values())
        return [float(ours - theirs) for theirs, ours in zip(present, found, strict=True)]

    @property
    def better(self) -> bool:
        """Tell whether chance alone hardly makes it look so much better."""
        return self.interval[1] < 0

    def describe(self) -> str:
        """Say what was measured, and the lines to use."""
        lines = []
        for name, side in self.scores.items():
            losses, aucs = [np.mean(one.losses) for one in side], [one.auc for one in side]
            of_loss = f"log loss {np.mean(losses):.4f} ± {np.std(losses):.4f}"
            lines.append(f"{name}: {of_loss}, AUC {np.mean(aucs):.4f} ± {np.std(aucs):.4f}")
        (low, high), differences = self.interval, self.differences
        tweets = len(next(iter(self.scores.values()))[0].losses)
        lines.append(
            f"difference of the log loss {np.mean(differences):+.4f} [{low:+.4f}, {high:+.4f}], "
            f"better with {sum(one < 0 for one in differences)} of {len(differences)} seeds, "
            f"on {tweets:,} validation tweets that no trial saw"
        )
        lines.append("better; put into .env:" if self.better else "no better than by chance; stay, or try:")
        return "\n".join([*lines, write_env(self.found)])


def compare_on_seeds(
    search: Search,
    study: optuna.Study,
    task: Task,
    seeds: int,
    workers: Workers,
    on_end: Callable[[str, SeedScores], None],
) -> Verdict | None:
    """Train both on each seed; what was trained before a kill is kept. None if the present settings were the best."""
    best = study.best_trial
    found = change_settings(search.settings, best.params)
    if list_values(found) == list_values(search.settings):
        return None
    sides = {"present": list_values(search.settings), f"trial {best.number}": list_values(found)}
    work = [
        SeedTask(task, side, tuple(values.items()), search.settings.train_seed + seed)
        for seed in range(seeds)
        for side, values in sides.items()
    ]
    known = study.user_attrs
    missing = [one for one in work if _name(one) not in known]
    for one, trained in zip(missing, workers.map(train_seed, missing), strict=True):
        study.set_user_attr(_name(one), trained)
        on_end(_name(one), trained)
    known = study.user_attrs
    scores = {side: [SeedScores(*known[_name(one)]) for one in work if one.label == side] for side in sides}
    present, ours = (np.mean([one.losses for one in side], axis=0) for side in scores.values())
    interval = estimate_mean_interval(ours - present, stack_authors(search.held))
    return Verdict(found, scores, interval)


def _name(work: SeedTask) -> str:
    return f"{work.label}, seed {work.seed}"
