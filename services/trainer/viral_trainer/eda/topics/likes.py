"""Show how many of the tweets are viral, and how likes are spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from viral_common.tweets.text import Split

from viral_trainer.eda.canvas import (
    ACCENT,
    CARD,
    INK,
    QUIET,
    ROW,
    SOFT,
    add_tip,
    format_percent_axis,
    open_canvas,
)
from viral_trainer.eda.panel import Panel, format_count, format_goal, format_interval, format_percent
from viral_trainer.eda.shares import Share, compute_share, draw_columns
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

    @classmethod
    def from_values(cls, name: str, values: NDArray[np.int64]) -> Counts:
        quantiles = np.quantile(values, QUANTILES, method="inverted_cdf")
        none = float(np.mean(values == 0))
        return cls(name, none, tuple(map(int, quantiles)), most=int(values.max()), total=int(values.sum()))


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
    return Likes(int(tweets[0]), bins, [Counts.from_values(name, values) for name, values in named.items()])


def render_balance(described: ReportTweets, everything: Share) -> Panel:
    """Render the viral share in all and in each split."""
    splits = described.columns.splits
    shares = [
        everything,
        *(compute_share(split, described.viral[splits == split]) for split in get_args(Split)),
    ]
    majority = max(everything.rate, 1 - everything.rate)
    other = "viral" if everything.rate > 0.5 else "not viral"
    return Panel.from_shares(
        "balance",
        "Class balance",
        f"{format_percent(everything.rate)} of the {format_count(everything.tweets, 'tweet')} have "
        f"{format_goal(described.likes_threshold)} (95% interval {format_interval(everything)}). "
        f"Whoever calls every tweet {other} is right about {format_percent(majority)}.",
        _draw_balance(shares),
        "split",
        shares,
        "The left part of each bar is viral. A tweet’s split follows from its text.",
    )


def _draw_balance(shares: list[Share]) -> Markup:
    with open_canvas(ROW * 1.6 * len(shares) + 26) as picture:
        axes = picture.add_rows([one.label for one in shares], bare=True)
        for place, one in enumerate(shares):
            if not one.tweets:
                continue
            (viral,) = axes.barh(place, one.rate, 0.62, color=ACCENT)
            (other,) = axes.barh(place, 1 - one.rate, 0.62, left=one.rate, color=SOFT)
            add_tip(viral, str(one))
            add_tip(other, str(one))
            rate = f"{one.rate:.1%}"
            axes.text(one.rate / 2, place, rate, color=CARD, ha="center", va="center", weight="bold")
            axes.text(1.02, place, f"{one.tweets:,}", color=QUIET, va="center")
        axes.set_xlim(0, 1.2)
        axes.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
        axes.axvline(0.5, color=INK, linewidth=0.6, dashes=(2, 3), alpha=0.5)
        return picture.to_svg("balance")


def render_likes(likes: Likes, tweets: int) -> Panel:
    """Render the distribution of likes, in bins that double."""
    found = likes.of_likes
    named = dict(zip(QUANTILES, found.quantiles, strict=True))
    rows = [
        (
            one.name,
            format_percent(one.none),
            *(f"{value:,}" for value in (*one.quantiles, one.most, one.total)),
        )
        for one in likes.counts
    ]
    return Panel(
        "likes-spread",
        "How many likes",
        f"{format_percent(found.none)} of the tweets have none. Half have at most {named[0.5]:,}, one in ten more than "
        f"{named[0.9]:,}, one in a hundred more than {named[0.99]:,}; the most liked one has {found.most:,}.",
        _draw_likes(likes, tweets),
        ("", "none", *(f"{100 * quantile:.0f}% have at most" for quantile in QUANTILES), "most", "in all"),
        rows,
    )


def _draw_likes(likes: Likes, tweets: int) -> Markup:
    """Draw the share of tweets by their likes; those without any stand apart."""
    labels, counts = ["none"], [likes.none]
    for low, high, count in likes.bins:
        labels.append(f"{low:,}" if low == high else f"{_shorten_number(low)}–{_shorten_number(high)}")
        counts.append(count)
    places = [0.0, *(place + 0.6 for place in range(1, len(labels)))]
    rotation, side = (0, "center") if len(labels) < 8 else (50, "right")
    with open_canvas(230) as picture:
        axes = picture.add_axes()
        for place, label, count in zip(places, labels, counts, strict=True):
            (bar,) = axes.bar(place, count / tweets, 0.84, color=ACCENT if place else SOFT)
            add_tip(bar, f"{label}: {count:,} tweets ({count / tweets:.1%})")
        axes.set_xticks(places, labels, rotation=rotation, ha=side, rotation_mode="anchor")
        axes.tick_params(axis="x", labelsize=9.5)
        axes.tick_params(axis="y", labelcolor=QUIET)
        axes.grid(axis="y")
        format_percent_axis(axes.yaxis)
        return picture.to_svg("likes-spread")


def _shorten_number(number: int) -> str:
    if number < 1000:
        return f"{number}"
    return f"{round(number / 1000)}k" if number < 10**6 else f"{round(number / 10**6)}M"


def render_pieces(described: ReportTweets, overall: float) -> list[Panel]:
    """Render the viral share of each piece, if there are several."""
    unit, batches = described.unit, described.columns.batches
    shares = [
        compute_share(f"{piece.since.day} {piece.since:%b}", described.viral[batches == place])
        for place, piece in enumerate(described.pieces)
    ]
    if len(shares) < 2:
        return []
    panel = Panel.from_shares(
        "pieces",
        f"{unit.capitalize()} by {unit}",
        f"The viral share went from {format_percent(shares[0].rate)} in the oldest {unit} to "
        f"{format_percent(shares[-1].rate)} in the newest.",
        draw_columns("pieces", shares, overall, f"first day of the {unit}"),
        f"{unit} from",
        shares,
    )
    return [panel]
