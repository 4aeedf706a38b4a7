"""Show what each feature tells of likes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.stats import rankdata
from viral_common.tweets.feature_names import is_yes_or_no, name_feature
from viral_common.tweets.features import FEATURES

from viral_trainer.eda.canvas import ACCENT, LINE, QUIET, WARM, add_tip, open_canvas
from viral_trainer.eda.panel import SHARE_HEAD, Panel, format_percent, format_share_rows, is_apart
from viral_trainer.eda.shares import ROW, Share, Z, draw_columns


@dataclass(frozen=True)
class Signal:
    """Hold the scores of one feature alone; None where it, or the label, is the same for all tweets."""

    name: str
    spearman: float | None
    """Rank correlation with the number of likes (and so with any rising function of it, such as the logarithm)."""
    auc: float | None
    """Chance that a viral tweet has a higher value than another one; 0.5 tells nothing, below it less is better."""
    error: float | None
    """Half of the AUC's 95 % interval (Hanley and McNeil 1982)."""

    @property
    def advantage(self) -> float:
        """Subtract 0.5 from the AUC; 0 where there is none."""
        return 0.0 if self.auc is None else self.auc - 0.5


def compute_signals(
    features: NDArray[np.float32], likes: NDArray[np.int64], viral: NDArray[np.bool_]
) -> list[Signal]:
    """Score each column of `features`, (n, features); the strongest first, those that never vary last."""
    signals = [
        _compute_signal(name, features[:, column], likes, viral) for column, name in enumerate(FEATURES)
    ]
    return sorted(signals, key=lambda signal: -abs(signal.advantage))


def _compute_signal(
    name: str, values: NDArray[np.float32], likes: NDArray[np.int64], viral: NDArray[np.bool_]
) -> Signal:
    known = np.isfinite(values)
    ranks, labels = rankdata(values[known]), viral[known]
    if len(ranks) == 0 or ranks.min() == ranks.max():
        return Signal(name, None, None, None)
    spearman = None
    if likes[known].min() < likes[known].max():
        spearman = float(np.corrcoef(ranks, rankdata(likes[known]))[0, 1])
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return Signal(name, spearman, None, None)
    # The Mann-Whitney statistic, by the sum of the viral tweets' ranks.
    auc = (ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return Signal(name, spearman, float(auc), _compute_error(float(auc), positives, negatives))


def _compute_error(auc: float, positives: int, negatives: int) -> float:
    both_positive, both_negative = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (positives - 1) * (both_positive - auc**2)
        + (negatives - 1) * (both_negative - auc**2)
    ) / (positives * negatives)
    return Z * sqrt(max(0.0, variance))


def draw_signals(name: str, found: Sequence[Signal]) -> Markup:
    """Draw the AUC of each feature alone, as bars from 0.5, with its interval."""
    drawn = [one for one in found if one.auc is not None]
    with open_canvas(ROW * len(drawn) + 44) as picture:
        axes = picture.add_axes()
        for place, one in enumerate(drawn):
            auc, error = 0.5 + one.advantage, one.error or 0.0
            (bar,) = axes.barh(
                place, auc - 0.5, 0.62, left=0.5, color=ACCENT if auc > 0.5 else WARM, alpha=0.85
            )
            axes.plot([auc - error, auc + error], [place, place], color=QUIET, linewidth=1.2)
            add_tip(bar, f"{name_feature(one.name)}: AUC {auc:.3f} ± {error:.3f}")
        axes.axvline(0.5, color=QUIET, linewidth=0.8)
        reach = max([0.06, *(abs(one.advantage) + (one.error or 0.0) for one in drawn)]) * 1.08
        axes.set_xlim(0.5 - reach, 0.5 + reach)
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.set_yticks(range(len(drawn)), [name_feature(one.name) for one in drawn])
        axes.set_xlabel("less likes ←  AUC  → more likes")
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        return picture.to_svg(name)


def render_signals(signals: Sequence[Signal]) -> Panel:
    """Render the AUC of each feature alone."""
    varying = [one for one in signals if one.auc is not None]
    return Panel(
        "signals",
        "Each feature by itself",
        _describe_signals(signals, varying),
        draw_signals("signals", varying) if varying else None,
        ("feature", "AUC", "±", "Spearman with likes"),
        [
            (
                name_feature(one.name),
                _format_figure(one.auc),
                _format_figure(one.error),
                _format_figure(one.spearman),
            )
            for one in signals
        ],
        "AUC: how often a viral tweet has a higher value than another one. Hours and weekdays go round, so for them "
        "see the week below.",
    )


def _describe_signals(signals: Sequence[Signal], varying: Sequence[Signal]) -> str:
    if not varying:
        return "With one class only, or without a feature that varies, there is nothing to tell apart."
    best = varying[0]
    auc = 0.5 + best.advantage
    side = "higher" if auc > 0.5 else "lower"
    sentence = (
        f"The strongest is “{name_feature(best.name)}”: {100 * max(auc, 1 - auc):.0f} times in 100 a viral tweet has "
        f"a {side} value than another one; 50 would tell nothing."
    )
    same = [name_feature(one.name) for one in signals if one.auc is None]
    return sentence + (f" The same for all tweets: {', '.join(same)}." if same else "")


def _format_figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace("-", "−")


def render_effect(name: str, found: list[Share], overall: float) -> Panel:
    """Render the viral share by a feature's value."""
    if is_yes_or_no(name):
        words = ("no", "yes")
        found = [Share(word, one.tweets, one.viral) for word, one in zip(words, found, strict=False)]
    title = name_feature(name).capitalize()
    key = name.replace("_", "-")
    return Panel(
        key,
        title,
        _describe_effect(name, found),
        draw_columns(key, found, overall, "" if is_yes_or_no(name) else f"{name_feature(name)} in the tweet"),
        (name_feature(name), *SHARE_HEAD),
        format_share_rows(found),
    )


def _describe_effect(name: str, found: list[Share]) -> str:
    without = found[0]
    rest = Share("", sum(one.tweets for one in found[1:]), sum(one.viral for one in found[1:]))
    if is_yes_or_no(name):
        yes, no = "it is so", "it is not"
    elif without.label == "0":
        yes, no = f"there are {name_feature(name)}", "there are none"
    else:
        yes, no = "there are more", f"there are {without.label}"
    verdict = (
        f"{abs(100 * (rest.rate - without.rate)):.1f} points {'more' if rest.rate > without.rate else 'less'}"
        if is_apart(rest, without)
        else "no clear difference"
    )
    return (
        f"Where {yes} ({format_percent(rest.tweets / (rest.tweets + without.tweets))} of the tweets), "
        f"{format_percent(rest.rate)} "
        f"are viral, against {format_percent(without.rate)} where {no}: {verdict}."
    )
