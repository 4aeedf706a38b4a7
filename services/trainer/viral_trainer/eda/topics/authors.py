"""Show how tweets are spread over authors. Counts only: nobody is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from viral_trainer.eda.canvas import ACCENT, LINE, SOFT, add_tip, format_percent_axis, open_canvas
from viral_trainer.eda.panel import (
    SHARE_HEAD,
    Panel,
    format_count,
    format_percent,
    format_share_rows,
    is_apart,
)
from viral_trainer.eda.shares import (
    ROW,
    Share,
    compute_share,
    compute_shares_by_steps,
    draw_columns,
    find_steps,
    format_steps,
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
    return Authors(
        authors=len(tweets),
        tweets=len(authors),
        groups=_group_authors(tweets),
        busiest=busiest,
        by_busiest=float(tweets[:busiest].sum() / tweets.sum()),
        new=compute_share("new", viral[earlier == 0]),
        known=compute_share("known", viral[earlier > 0]),
        by_earlier=compute_shares_by_steps(earlier, viral, EARLIER),
    )


def _group_authors(tweets: NDArray[np.int64]) -> list[Group]:
    places = find_steps(tweets, STEPS)
    groups = [
        Group(label, int((places == place).sum()), int(tweets[places == place].sum()))
        for place, label in enumerate(format_steps(STEPS))
    ]
    return [group for group in groups if group.authors]


def draw_groups(name: str, found: Sequence[Group], authors: int, tweets: int) -> Markup:
    """Draw each group's part of all authors, and its part of the tweets."""
    with open_canvas(ROW * 1.5 * len(found) + 62) as picture:
        axes = picture.add_axes()
        for place, group in enumerate(found):
            (upper,) = axes.barh(
                place - 0.19,
                group.authors / authors,
                0.34,
                color=SOFT,
                label=_build_legend_label("of authors", place),
            )
            (lower,) = axes.barh(
                place + 0.19,
                group.tweets / tweets,
                0.34,
                color=ACCENT,
                label=_build_legend_label("of tweets", place),
            )
            add_tip(upper, f"{group.label}: {group.authors:,} authors ({group.authors / authors:.1%})")
            add_tip(lower, f"{group.label}: {group.tweets:,} tweets ({group.tweets / tweets:.1%})")
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks(range(len(found)), [group.label for group in found])
        axes.set_ylabel("tweets of the author")
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        format_percent_axis(axes.xaxis)
        picture.figure.legend(
            loc="outside upper right", ncols=2, frameon=False, fontsize=10, handlelength=0.9, handleheight=0.9
        )
        return picture.to_svg(name)


def _build_legend_label(label: str, place: int) -> str:
    return f"_{label}" if place else label


def render_spread(found: Authors) -> Panel:
    """Render the tweets per author."""
    once = sum(group.authors for group in found.groups if group.label == "1")
    return Panel(
        "spread",
        "Tweets per author",
        f"{format_count(found.authors, 'author')} posted {format_count(found.tweets, 'tweet')}; "
        f"{format_percent(once / found.authors)} "
        f"just one. The busiest hundredth ({format_count(found.busiest, 'author')}) posted "
        f"{format_percent(found.by_busiest)}.",
        draw_groups("spread", found.groups, found.authors, found.tweets),
        ("tweets of the author", "authors", "tweets", "of authors", "of tweets"),
        [
            (
                group.label,
                f"{group.authors:,}",
                f"{group.tweets:,}",
                format_percent(group.authors / found.authors),
                format_percent(group.tweets / found.tweets),
            )
            for group in found.groups
        ],
    )


def render_known(found: Authors, everything: Share) -> Panel:
    """Render new authors beside those whose tweets were collected before."""
    new, old = found.new, found.known
    share = format_percent(new.tweets / everything.tweets)
    says = f"{share} of the tweets are by authors of whom nothing was collected before"
    if new.tweets and old.tweets:
        verdict = "" if is_apart(new, old) else ": no clear difference"
        says += f"; {format_percent(new.rate)} of these are viral, "
        says += f"and {format_percent(old.rate)} of those by known authors{verdict}"
    return Panel(
        "known",
        "Known authors and new ones",
        f"{says}.",
        draw_columns("known", found.by_earlier, everything.rate, "earlier tweets of the author"),
        ("earlier tweets", *SHARE_HEAD),
        format_share_rows(found.by_earlier),
    )
