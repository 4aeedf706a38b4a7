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
from viral_common.tweets.features import FEATURES, TWEET_FEATURES

from viral_trainer.eda.canvas import ACCENT, QUIET, ROW, WARM, add_tip, open_canvas
from viral_trainer.eda.panel import Panel, format_percent
from viral_trainer.eda.shares import Share, Z, compute_shares_by_steps, draw_columns, is_apart
from viral_trainer.eda.sources import ReportTweets

# These go round or have many values: they have plots of their own.
ELSEWHERE = ("created_at_dayofweek", "created_at_hour", "word_count")
FEW_VALUES = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Signal:
    """Hold the scores of one feature alone; None where it, or the label, is the same for all tweets."""

    name: str
    spearman: float | None = None
    """Rank correlation with the number of likes (and so with any rising function of it, such as the logarithm)."""
    auc: float | None = None
    """Chance that a viral tweet has a higher value than another one; 0.5 tells nothing, below it less is better."""
    error: float | None = None
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
    order, labels = rankdata(values[known]), viral[known]
    if len(order) == 0 or order.min() == order.max():
        return Signal(name)
    spearman = None
    if likes[known].min() < likes[known].max():
        spearman = float(np.corrcoef(order, rankdata(likes[known]))[0, 1])
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return Signal(name, spearman)
    # The Mann-Whitney statistic, by the sum of the viral tweets' ranks.
    auc = float((order[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))
    return Signal(name, spearman, auc, _compute_error(auc, positives, negatives))


def _compute_error(auc: float, positives: int, negatives: int) -> float:
    both_positive, both_negative = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (positives - 1) * (both_positive - auc**2)
        + (negatives - 1) * (both_negative - auc**2)
    ) / (positives * negatives)
    return Z * sqrt(max(0.0, variance))


def render_features(described: ReportTweets, overall: float) -> list[Panel]:
    """Render the AUC of each feature alone, and the viral share by the value of each that varies."""
    tweets, viral = described.columns, described.viral
    panels = [render_signals(compute_signals(tweets.features, tweets.likes, viral))]
    for name in TWEET_FEATURES:
        if name not in ELSEWHERE:
            shares = compute_shares_by_steps(tweets.get_feature(name).astype(np.int64), viral, FEW_VALUES)
            if len(shares) > 1:
                panels.append(render_effect(name, shares, overall))
    return panels


def render_signals(signals: Sequence[Signal]) -> Panel:
    """Render the AUC of each feature alone."""
    varying = [one for one in signals if one.auc is not None]
    return Panel(
        "signals",
        "Each feature by itself",
        _describe_signals(signals, varying),
        _draw_signals(varying) if varying else None,
        ("feature", "AUC", "±", "Spearman with likes"),
        [
            (name_feature(one.name), *map(_format_figure, (one.auc, one.error, one.spearman)))
            for one in signals
        ],
        "AUC: how often a viral tweet has a higher value than another one. Hours and weekdays go round, so for them "
        "see the week below.",
    )


def _draw_signals(varying: Sequence[Signal]) -> Markup:
    """Draw the AUCs as bars from 0.5, with their intervals."""
    with open_canvas(ROW * len(varying) + 44) as picture:
        axes = picture.add_rows([name_feature(one.name) for one in varying])
        for place, one in enumerate(varying):
            auc, error = 0.5 + one.advantage, one.error or 0.0
            colour = ACCENT if auc > 0.5 else WARM
            (bar,) = axes.barh(place, auc - 0.5, 0.62, left=0.5, color=colour, alpha=0.85)
            axes.plot([auc - error, auc + error], [place, place], color=QUIET, linewidth=1.2)
            add_tip(bar, f"{name_feature(one.name)}: AUC {auc:.3f} ± {error:.3f}")
        axes.axvline(0.5, color=QUIET, linewidth=0.8)
        reach = max([0.06, *(abs(one.advantage) + (one.error or 0.0) for one in varying)]) * 1.08
        axes.set_xlim(0.5 - reach, 0.5 + reach)
        axes.set_xlabel("less likes ←  AUC  → more likes")
        axes.grid(axis="x")
        return picture.to_svg("signals")


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


def render_effect(name: str, shares: list[Share], overall: float) -> Panel:
    """Render the viral share by a feature's value."""
    key, title, unit = name.replace("_", "-"), name_feature(name), f"{name_feature(name)} in the tweet"
    if is_yes_or_no(name):
        unit = ""
        shares = [
            Share(word, one.tweets, one.viral) for word, one in zip(("no", "yes"), shares, strict=False)
        ]
    says, plot = _describe_effect(name, shares), draw_columns(key, shares, overall, unit)
    return Panel.from_shares(key, title.capitalize(), says, plot, title, shares)


def _describe_effect(name: str, shares: list[Share]) -> str:
    without, *more = shares
    rest = Share("", sum(one.tweets for one in more), sum(one.viral for one in more))
    if is_yes_or_no(name):
        yes, no = "it is so", "it is not"
    elif without.label == "0":
        yes, no = f"there are {name_feature(name)}", "there are none"
    else:
        yes, no = "there are more", f"there are {without.label}"
    verdict = "no clear difference"
    if is_apart(rest, without):
        side = "more" if rest.rate > without.rate else "less"
        verdict = f"{abs(100 * (rest.rate - without.rate)):.1f} points {side}"
    return (
        f"Where {yes} ({format_percent(rest.tweets / (rest.tweets + without.tweets))} of the tweets), "
        f"{format_percent(rest.rate)} are viral, against {format_percent(without.rate)} where {no}: {verdict}."
    )
