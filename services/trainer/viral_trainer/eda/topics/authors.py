"""Show how tweets are spread over authors. Counts only: nobody is named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from viral_trainer.eda.canvas import ACCENT, ROW, SOFT, add_tip, format_percent_axis, open_canvas
from viral_trainer.eda.panel import Panel, format_count, format_percent
from viral_trainer.eda.shares import (
    Share,
    compute_share,
    compute_shares_by_steps,
    draw_columns,
    find_steps,
    format_steps,
    is_apart,
)

STEPS = (1, 2, 3, 5, 10, 20, 50, 100)
EARLIER = (0, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Group:
    """Hold a group of authors with about as many tweets each."""

    label: str
    authors: int
    tweets: int


@dataclass(frozen=True)
class Authors:
    """Hold authors by how much they post, and viral shares by how much of them was collected earlier."""

    authors: int
    tweets: int
    groups: list[Group]
    busiest: int
    """Authors in the busiest hundredth, at least one."""
    by_busiest: float
    """Share of all tweets that the busiest hundredth posted."""
    new: Share
    known: Share
    by_earlier: list[Share]
    """By how many tweets of the author were collected before."""


def compute_authors(
    authors: NDArray[np.int64], earlier: NDArray[np.int64], viral: NDArray[np.bool_]
) -> Authors:
    """Compute from (n,) author numbers, n at least 1, and how many tweets of the author came before each."""
    tweets = np.sort(np.unique(authors, return_counts=True)[1])[::-1]
    busiest = max(1, len(tweets) // 100)
    places = find_steps(tweets, STEPS)
    groups = [
        Group(label, int((places == place).sum()), int(tweets[places == place].sum()))
        for place, label in enumerate(format_steps(STEPS))
    ]
    return Authors(
        authors=len(tweets),
        tweets=len(authors),
        groups=[group for group in groups if group.authors],
        busiest=busiest,
        by_busiest=float(tweets[:busiest].sum() / tweets.sum()),
        new=compute_share("new", viral[earlier == 0]),
        known=compute_share("known", viral[earlier > 0]),
        by_earlier=compute_shares_by_steps(earlier, viral, EARLIER),
    )


def render_spread(found: Authors) -> Panel:
    """Render the tweets per author."""
    once = sum(group.authors for group in found.groups if group.label == "1")
    rows = [
        (
            group.label,
            f"{group.authors:,}",
            f"{group.tweets:,}",
            format_percent(group.authors / found.authors),
            format_percent(group.tweets / found.tweets),
        )
        for group in found.groups
    ]
    return Panel(
        "spread",
        "Tweets per author",
        f"{format_count(found.authors, 'author')} posted {format_count(found.tweets, 'tweet')}; "
        f"{format_percent(once / found.authors)} just one. The busiest hundredth "
        f"({format_count(found.busiest, 'author')}) posted {format_percent(found.by_busiest)}.",
        _draw_groups(found),
        ("tweets of the author", "authors", "tweets", "of authors", "of tweets"),
        rows,
    )


def _draw_groups(found: Authors) -> Markup:
    """Draw each group's part of all authors, and its part of the tweets."""
    with open_canvas(ROW * 1.5 * len(found.groups) + 62) as picture:
        axes = picture.add_rows([group.label for group in found.groups])
        for place, group in enumerate(found.groups):
            hidden = "_" if place else ""  # each is named once in the legend
            bars = (
                (place - 0.19, group.authors, found.authors, "authors", SOFT),
                (place + 0.19, group.tweets, found.tweets, "tweets", ACCENT),
            )
            for height, count, total, what, colour in bars:
                (bar,) = axes.barh(height, count / total, 0.34, color=colour, label=f"{hidden}of {what}")
                add_tip(bar, f"{group.label}: {count:,} {what} ({count / total:.1%})")
        axes.set_ylabel("tweets of the author")
        axes.grid(axis="x")
        format_percent_axis(axes.xaxis)
        picture.figure.legend(
            loc="outside upper right", ncols=2, frameon=False, fontsize=10, handlelength=0.9, handleheight=0.9
        )
        return picture.to_svg("spread")


def render_known(found: Authors, everything: Share) -> Panel:
    """Render new authors beside those whose tweets were collected before."""
    new, old = found.new, found.known
    share = format_percent(new.tweets / everything.tweets)
    says = f"{share} of the tweets are by authors of whom nothing was collected before"
    if new.tweets and old.tweets:
        verdict = "" if is_apart(new, old) else ": no clear difference"
        says += f"; {format_percent(new.rate)} of these are viral, "
        says += f"and {format_percent(old.rate)} of those by known authors{verdict}"
    return Panel.from_shares(
        "known",
        "Known authors and new ones",
        f"{says}.",
        draw_columns("known", found.by_earlier, everything.rate, "earlier tweets of the author"),
        "earlier tweets",
        found.by_earlier,
    )
