"""Show how far the newest tweets lie from those before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from viral_common.evaluation.drift import (
    MOST_VALUES,
    SHIFTED,
    STABLE,
    Level,
    compute_stability_index,
    count_in_bins,
    estimate_chance_index,
    name_level,
)
from viral_common.stores.tweet_columns import TweetColumns
from viral_common.tweets.feature_names import name_feature
from viral_common.tweets.features import FEATURES

from viral_trainer.eda.canvas import ACCENT, QUIET, SOFT, WARM, add_tip, open_canvas
from viral_trainer.eda.panel import (
    SHARE_HEAD,
    Panel,
    Section,
    format_count,
    format_percent,
    format_points,
    format_share_rows,
    is_apart,
)
from viral_trainer.eda.shares import ROW, Share, compute_share, draw_parts, draw_rows
from viral_trainer.eda.topics.words import Novelty, WordTable, compute_novelty


@dataclass(frozen=True)
class Shift:
    """Hold how far one quantity has shifted."""

    name: str
    index: float
    """PSI."""
    chance: float
    """What 95 in 100 comparisons stay below where nothing has changed, for so many tweets and bins."""
    distance: float | None
    """Kolmogorov and Smirnov's: the largest gap of the two cumulative shares. None where there are few values."""

    @property
    def level(self) -> Level:
        """Name the size of the shift; `stable` too where chance alone would explain the index."""
        return name_level(self.index, self.chance)


@dataclass(frozen=True)
class Drift:
    """Compare the newest batch with the one before it."""

    shifts: list[Shift]
    """The largest first."""
    before: Share
    after: Share
    novelty: Novelty
    texts_seen: float
    """Share of the newer tweets whose text is a copy of an earlier one."""

    @property
    def change(self) -> float:
        """Compute the change of the viral share."""
        return self.after.rate - self.before.rate

    @property
    def indices(self) -> dict[str, float]:
        """Return the finite PSI by name."""
        return {shift.name: shift.index for shift in self.shifts if isfinite(shift.index)}


def compute_drift(before: TweetColumns, after: TweetColumns, words: WordTable, likes_threshold: int) -> Drift:
    """Compare two sets of tweets, neither of them empty; `words` are those of `after`."""
    pairs = {name: (before.get_feature(name), after.get_feature(name)) for name in FEATURES}
    shifts = [compute_shift(name, *pair) for name, pair in pairs.items()]
    shifts.append(compute_shift("like_count", before.likes, after.likes))
    return Drift(
        shifts=sorted(shifts, key=lambda shift: -shift.index),
        before=compute_share("before", before.likes > likes_threshold),
        after=compute_share("after", after.likes > likes_threshold),
        novelty=compute_novelty(before.texts, words),
        texts_seen=float(np.isin(after.copies, before.copies).mean()),
    )


def compute_shift(
    name: str,
    before: NDArray[np.float32] | NDArray[np.int64],
    after: NDArray[np.float32] | NDArray[np.int64],
) -> Shift:
    """Compare one column of each, neither of them empty."""
    first, second = count_in_bins(before.astype(np.float64), after.astype(np.float64))
    return Shift(
        name,
        compute_stability_index(first, second),
        estimate_chance_index(first, second),
        _compute_distance(before, after),
    )


def _compute_distance(before: NDArray[np.generic], after: NDArray[np.generic]) -> float | None:
    first, second = (values[np.isfinite(values)] for values in (before, after))
    many = len(np.unique(np.concatenate([first, second]))) > MOST_VALUES
    return (
        float(ks_2samp(first, second, method="asymp").statistic)
        if many and len(first) and len(second)
        else None
    )


# PSI below this is drawn as this: the axis is logarithmic.
LEAST_INDEX = 1e-4


def draw_shifts(name: str, found: Sequence[Shift]) -> Markup:
    """Draw the PSI of each quantity on a logarithmic axis, with the usual limits."""
    colours = {"stable": SOFT, "moderate": ACCENT, "large": WARM}
    with open_canvas(ROW * len(found) + 48) as picture:
        axes = picture.add_axes()
        for place, one in enumerate(found):
            index = max(one.index, LEAST_INDEX)
            axes.plot([LEAST_INDEX, index], [place, place], color=colours[one.level], linewidth=2)
            (dot,) = axes.plot([index], [place], "o", color=colours[one.level], markersize=6.5, clip_on=False)
            add_tip(dot, f"{name_feature(one.name)}: PSI {one.index:.4f}, {one.level}")
        for limit in (STABLE, SHIFTED):
            axes.axvline(limit, color=QUIET, linewidth=0.8, dashes=(3, 3), zorder=0)
        axes.set_xscale("log")
        axes.set_xlim(LEAST_INDEX, max(1.0, *(one.index * 2 for one in found)))
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks(range(len(found)), [name_feature(one.name) for one in found])
        axes.set_xticks(*_choose_ticks(axes.get_xlim()[1]))
        axes.minorticks_off()
        axes.set_xlabel("PSI, dashed at 0.1 and 0.25")
        return picture.to_svg(name)


def _choose_ticks(most: float) -> tuple[list[float], list[str]]:
    ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0) if tick <= most]
    return ticks, [f"{tick:g}" for tick in ticks]


def render_drift(found: Drift | None, overall: float, unit: str) -> Section:
    """Render shifts, viral share and words; one sentence if there is nothing to compare with."""
    if found is None:
        alone = Panel("alone", "Nothing before", f"There is no earlier {unit} to compare with.")
        return Section("drift", "Drift", [alone])
    panels = [
        render_shifts(found, unit),
        render_viral_share(found, overall, unit),
        render_novelty(found, unit),
    ]
    return Section("drift", "Drift", panels)


def render_shifts(found: Drift, unit: str) -> Panel:
    """Render the PSI of each quantity."""
    named = {
        level: [name_feature(one.name) for one in found.shifts if one.level == level]
        for level in ("large", "moderate")
    }
    says = ". ".join(
        f"{'A large' if level == 'large' else 'A moderate'} shift: {', '.join(names)}"
        for level, names in named.items()
        if names
    )
    return Panel(
        "shifts",
        "What has shifted",
        f"{says}." if says else f"None of {len(found.shifts)} quantities has shifted by more than is usual.",
        draw_shifts("shifts", found.shifts),
        ("quantity", "PSI", "by chance up to", "KS distance", "shift"),
        [
            (
                name_feature(one.name),
                f"{one.index:.4f}",
                f"{one.chance:.4f}",
                "–" if one.distance is None else f"{one.distance:.3f}",
                one.level,
            )
            for one in found.shifts
        ],
        f"Population stability index against the {unit} before: under 0.1 is usually called stable, from 0.25 on a "
        "large shift. Where other days are covered, weekdays and hours differ by the calendar.",
    )


def render_viral_share(found: Drift, overall: float, unit: str) -> Panel:
    """Render the viral share before and after."""
    verdict = (
        "more than chance would easily do"
        if is_apart(found.before, found.after)
        else "no more than chance may do"
    )
    return Panel(
        "viral-shift",
        "Viral share",
        f"{format_percent(found.after.rate)} of the newest {unit}’s tweets are viral, "
        f"{format_percent(found.before.rate)} were "
        f"before: {format_points(found.change)} points, {verdict}.",
        draw_rows("viral-shift", [found.before, found.after], overall),
        (unit, *SHARE_HEAD),
        format_share_rows([found.before, found.after]),
    )


def render_novelty(found: Drift, unit: str) -> Panel:
    """Render how many words and texts are new."""
    new = found.novelty
    return Panel(
        "novelty",
        "New words",
        f"{new.new:,} of {format_count(new.different, 'different word')} did not occur in the {unit} "
        "before; they make up "
        f"{format_percent(new.share)} of the words in the tweets. {format_percent(found.texts_seen)} of "
        "the texts did occur before.",
        draw_parts(
            "novelty",
            [
                ("new, of different words", new.new / max(1, new.different)),
                ("new, of words in tweets", new.share),
                ("texts seen before", found.texts_seen),
            ],
        ),
        ("", "number", "share"),
        [
            ("different words", f"{new.different:,}", "100%"),
            ("new words", f"{new.new:,}", format_percent(new.new / max(1, new.different))),
            ("new words, by their uses", "–", format_percent(new.share)),
            ("texts seen before", "–", format_percent(found.texts_seen)),
        ],
    )
