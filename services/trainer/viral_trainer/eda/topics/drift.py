"""Show how far the newest tweets lie from those before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
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

from viral_trainer.eda.canvas import ACCENT, DASHED, ROW, SOFT, WARM, add_tip, open_canvas
from viral_trainer.eda.panel import Panel, format_count, format_percent, format_points
from viral_trainer.eda.shares import Share, compute_share, draw_parts, draw_rows, is_apart
from viral_trainer.eda.sources import ReportTweets
from viral_trainer.eda.word_table import WordTable, build_word_table, split_words

# PSI below this is drawn as this: the axis is logarithmic.
LEAST_INDEX = 1e-4
COLOURS: dict[Level, str] = {"stable": SOFT, "moderate": ACCENT, "large": WARM}


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
class Novelty:
    """Count words that earlier tweets did not have."""

    new: int
    different: int
    share: float
    """Of all pairs of a tweet and one of its words, those with a new word."""


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


def compare_with_before(described: ReportTweets) -> Drift | None:
    """Compare the last piece with what came before it; None if nothing did."""
    newest, before = described.newest, described.before
    if before is None or not len(before) or not len(newest):
        return None
    words = described.words if len(described.pieces) == 1 else build_word_table(newest.texts)
    return compute_drift(before, newest, words, described.likes_threshold)


def compute_drift(before: TweetColumns, after: TweetColumns, words: WordTable, likes_threshold: int) -> Drift:
    """Compare two sets of tweets, neither of them empty; `words` are those of `after`."""
    pairs = {name: (before.get_feature(name), after.get_feature(name)) for name in FEATURES}
    shifts = [compute_shift(name, *pair) for name, pair in pairs.items()]
    shifts.append(compute_shift("like_count", before.likes, after.likes))
    return Drift(
        shifts=sorted(shifts, key=lambda shift: -shift.index),
        before=compute_share("before", before.likes > likes_threshold),
        after=compute_share("after", after.likes > likes_threshold),
        novelty=_compute_novelty(before.texts, words),
        texts_seen=float(np.isin(after.copies, before.copies).mean()),
    )


Values = NDArray[np.float32] | NDArray[np.int64]


def compute_shift(name: str, before: Values, after: Values) -> Shift:
    """Compare one column of each, neither of them empty."""
    bins = count_in_bins(before.astype(np.float64), after.astype(np.float64))
    distance = _compute_distance(before, after)
    return Shift(name, compute_stability_index(*bins), estimate_chance_index(*bins), distance)


def _compute_distance(before: Values, after: Values) -> float | None:
    first, second = (values[np.isfinite(values)] for values in (before, after))
    many = len(np.unique(np.concatenate([first, second]))) > MOST_VALUES
    if not many or not len(first) or not len(second):
        return None
    return float(ks_2samp(first, second, method="asymp").statistic)


def _compute_novelty(before: NDArray[np.object_], after: WordTable) -> Novelty:
    """Count the words of `after` that none of the texts `before` has."""
    known = set(chain.from_iterable(map(split_words, before)))
    new = np.array([word not in known for word in after.words], dtype=np.bool_)
    share = float(new[after.word].mean()) if len(after.word) else 0.0
    return Novelty(int(new.sum()), len(new), share)


def render_drift(found: Drift | None, overall: float, unit: str) -> list[Panel]:
    """Render shifts, viral share and words; one sentence if there is nothing to compare with."""
    if found is None:
        return [Panel("alone", "Nothing before", f"There is no earlier {unit} to compare with.")]
    return [
        render_shifts(found.shifts, unit),
        render_viral_share(found, overall, unit),
        render_novelty(found, unit),
    ]


def render_shifts(shifts: Sequence[Shift], unit: str) -> Panel:
    """Render the PSI of each quantity."""
    says = ""
    for level in ("large", "moderate"):
        if names := [name_feature(one.name) for one in shifts if one.level == level]:
            says += f"{' ' if says else ''}A {level} shift: {', '.join(names)}."
    return Panel(
        "shifts",
        "What has shifted",
        says or f"None of {len(shifts)} quantities has shifted by more than is usual.",
        _draw_shifts(shifts),
        ("quantity", "PSI", "by chance up to", "KS distance", "shift"),
        [
            (
                name_feature(one.name),
                f"{one.index:.4f}",
                f"{one.chance:.4f}",
                "–" if one.distance is None else f"{one.distance:.3f}",
                one.level,
            )
            for one in shifts
        ],
        f"Population stability index against the {unit} before: under 0.1 is usually called stable, from 0.25 on a "
        "large shift. Where other days are covered, weekdays and hours differ by the calendar.",
    )


def _draw_shifts(shifts: Sequence[Shift]) -> Markup:
    """Draw the PSI of each quantity on a logarithmic axis, with the usual limits."""
    with open_canvas(ROW * len(shifts) + 48) as picture:
        axes = picture.add_rows([name_feature(one.name) for one in shifts])
        for place, one in enumerate(shifts):
            index, colour = max(one.index, LEAST_INDEX), COLOURS[one.level]
            axes.plot([LEAST_INDEX, index], [place, place], color=colour, linewidth=2)
            (dot,) = axes.plot([index], [place], "o", color=colour, markersize=6.5, clip_on=False)
            add_tip(dot, f"{name_feature(one.name)}: PSI {one.index:.4f}, {one.level}")
        for limit in (STABLE, SHIFTED):
            axes.axvline(limit, **DASHED)
        most = max(1.0, *(one.index * 2 for one in shifts))
        axes.set_xscale("log")
        axes.set_xlim(LEAST_INDEX, most)
        ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0) if tick <= most]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("PSI, dashed at 0.1 and 0.25")
        return picture.to_svg("shifts")


def render_viral_share(found: Drift, overall: float, unit: str) -> Panel:
    """Render the viral share before and after."""
    shares = [found.before, found.after]
    verdict = "more than chance would easily do" if is_apart(*shares) else "no more than chance may do"
    return Panel.from_shares(
        "viral-shift",
        "Viral share",
        f"{format_percent(found.after.rate)} of the newest {unit}’s tweets are viral, "
        f"{format_percent(found.before.rate)} were before: {format_points(found.change)} points, {verdict}.",
        draw_rows("viral-shift", shares, overall),
        unit,
        shares,
    )


def render_novelty(found: Drift, unit: str) -> Panel:
    """Render how many words and texts are new."""
    new = found.novelty
    new_words = new.new / max(1, new.different)
    parts = [
        ("new, of different words", new_words),
        ("new, of words in tweets", new.share),
        ("texts seen before", found.texts_seen),
    ]
    return Panel(
        "novelty",
        "New words",
        f"{new.new:,} of {format_count(new.different, 'different word')} did not occur in the {unit} before; "
        f"they make up {format_percent(new.share)} of the words in the tweets. "
        f"{format_percent(found.texts_seen)} of the texts did occur before.",
        draw_parts("novelty", parts),
        ("", "number", "share"),
        [
            ("different words", f"{new.different:,}", "100%"),
            ("new words", f"{new.new:,}", format_percent(new_words)),
            ("new words, by their uses", "–", format_percent(new.share)),
            ("texts seen before", "–", format_percent(found.texts_seen)),
        ],
    )
