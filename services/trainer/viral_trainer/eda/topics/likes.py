"""Show how many of the tweets are viral, and how likes are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from viral_trainer.eda.canvas import (
    ACCENT,
    CARD,
    INK,
    LINE,
    QUIET,
    SOFT,
    add_tip,
    format_percent_axis,
    open_canvas,
)
from viral_trainer.eda.panel import (
    SHARE_HEAD,
    Panel,
    format_count,
    format_goal,
    format_interval,
    format_percent,
    format_share_rows,
)
from viral_trainer.eda.shares import ROW, Share, draw_columns, format_share
from viral_trainer.eda.sources import ReportTweets

QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Counts:
    """Hold the quantiles, in the order of QUANTILES, and the extremes of likes, retweets or replies."""

    name: str
    none: float
    """Share of the tweets without any."""
    quantiles: tuple[int, ...]
    most: int
    total: int


@dataclass(frozen=True)
class Likes:
    """Count tweets by their likes: none, then 1, 2–3, 4–7 and so on, each bin twice as wide as the one before."""

    none: int
    bins: list[tuple[int, int, int]]
    """First, last, tweets."""
    counts: list[Counts]
    """Of likes, retweets, replies."""

    @property
    def of_likes(self) -> Counts:
        """Return the quantiles of likes."""
        return self.counts[0]


def compute_likes(likes: NDArray[np.int64], retweets: NDArray[np.int64], replies: NDArray[np.int64]) -> Likes:
    """Compute from (n,) counts each, n at least 1."""
    # frexp counts binary digits exactly, where a logarithm may err at powers of two.
    tweets = np.bincount(np.frexp(likes.astype(np.float64))[1])
    bins = [(2 ** (digits - 1), 2**digits - 1, int(tweets[digits])) for digits in range(1, len(tweets))]
    named = {"likes": likes, "retweets": retweets, "replies": replies}
    return Likes(int(tweets[0]), bins, [_compute_counts(name, values) for name, values in named.items()])


def _compute_counts(name: str, values: NDArray[np.int64]) -> Counts:
    quantiles = np.quantile(values, QUANTILES, method="inverted_cdf")
    return Counts(
        name,
        none=float(np.mean(values == 0)),
        quantiles=tuple(int(value) for value in quantiles),
        most=int(values.max()),
        total=int(values.sum()),
    )


def draw_likes(name: str, facts: Likes, tweets: int) -> Markup:
    """Draw the share of tweets by their likes; those without any stand apart."""
    labels = [
        "none",
        *(
            f"{low:,}" if low == high else f"{_shorten_number(low)}–{_shorten_number(high)}"
            for low, high, _ in facts.bins
        ),
    ]
    counts = [facts.none, *(count for _, _, count in facts.bins)]
    with open_canvas(230) as picture:
        axes = picture.add_axes()
        places = [0.0, *(place + 1.6 for place in range(len(facts.bins)))]
        for place, label, count in zip(places, labels, counts, strict=True):
            (bar,) = axes.bar(place, count / tweets, 0.84, color=ACCENT if place else SOFT)
            add_tip(bar, f"{label}: {count:,} tweets ({count / tweets:.1%})")
        axes.set_xticks(
            places,
            labels,
            rotation=0 if len(labels) < 8 else 50,
            ha="center" if len(labels) < 8 else "right",
            rotation_mode="anchor",
        )
        axes.tick_params(axis="x", labelsize=9.5)
        axes.tick_params(axis="y", labelcolor=QUIET)
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        format_percent_axis(axes.yaxis)
        return picture.to_svg(name)


def _shorten_number(number: int) -> str:
    return (
        f"{number}"
        if number < 1000
        else f"{round(number / 1000)}k"
        if number < 10**6
        else f"{round(number / 10**6)}M"
    )


def draw_splits(name: str, shares: Sequence[Share]) -> Markup:
    """Draw each split as one bar of viral and other tweets."""
    with open_canvas(ROW * 1.6 * len(shares) + 26) as picture:
        axes = picture.add_axes()
        for place, one in enumerate(shares):
            if not one.tweets:
                continue
            (viral,) = axes.barh(place, one.rate, 0.62, color=ACCENT)
            (other,) = axes.barh(place, 1 - one.rate, 0.62, left=one.rate, color=SOFT)
            add_tip(viral, format_share(one))
            add_tip(other, format_share(one))
            axes.text(
                one.rate / 2, place, f"{one.rate:.1%}", color=CARD, ha="center", va="center", weight="bold"
            )
            axes.text(1.02, place, f"{one.tweets:,}", color=QUIET, va="center")
        axes.set_xlim(0, 1.2)
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_yticks(range(len(shares)), [one.label for one in shares])
        axes.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
        axes.spines.bottom.set_visible(False)
        axes.axvline(0.5, color=INK, linewidth=0.6, dashes=(2, 3), alpha=0.5)
        return picture.to_svg(name)


def render_balance(everything: Share, splits: Sequence[Share], likes_threshold: int) -> Panel:
    """Render the viral share in all and in each split."""
    majority = max(everything.rate, 1 - everything.rate)
    other = "viral" if everything.rate > 0.5 else "not viral"
    return Panel(
        "balance",
        "Class balance",
        f"{format_percent(everything.rate)} of the {format_count(everything.tweets, 'tweet')} have "
        f"{format_goal(likes_threshold)} "
        f"(95% interval {format_interval(everything)}). Whoever calls every tweet {other} is right about "
        f"{format_percent(majority)}.",
        draw_splits("balance", [everything, *splits]),
        ("split", *SHARE_HEAD),
        format_share_rows([everything, *splits]),
        "The left part of each bar is viral. A tweet’s split follows from its text.",
    )


def render_likes(likes: Likes, tweets: int) -> Panel:
    """Render the distribution of likes, in bins that double."""
    found = likes.of_likes
    named = dict(zip(QUANTILES, found.quantiles, strict=True))
    return Panel(
        "likes-spread",
        "How many likes",
        f"{format_percent(found.none)} of the tweets have none. Half have at most {named[0.5]:,}, one in ten more than "
        f"{named[0.9]:,}, one in a hundred more than {named[0.99]:,}; the most liked one has {found.most:,}.",
        draw_likes("likes-spread", likes, tweets),
        ("", "none", *(f"{100 * quantile:.0f}% have at most" for quantile in QUANTILES), "most", "in all"),
        [
            (
                one.name,
                format_percent(one.none),
                *(f"{value:,}" for value in one.quantiles),
                f"{one.most:,}",
                f"{one.total:,}",
            )
            for one in likes.counts
        ],
    )


def render_pieces(described: ReportTweets, shares: Sequence[Share], overall: float) -> Panel:
    """Render the viral share of each piece."""
    unit = described.unit
    first, last = shares[0], shares[-1]
    named = [
        Share(f"{piece.since.day} {piece.since:%b}", one.tweets, one.viral)
        for piece, one in zip(described.pieces, shares, strict=True)
    ]
    return Panel(
        "pieces",
        f"{unit.capitalize()} by {unit}",
        f"The viral share went from {format_percent(first.rate)} in the oldest {unit} to "
        f"{format_percent(last.rate)} in the newest.",
        draw_columns("pieces", named, overall, f"first day of the {unit}"),
        (f"{unit} from", *SHARE_HEAD),
        format_share_rows(named),
    )
