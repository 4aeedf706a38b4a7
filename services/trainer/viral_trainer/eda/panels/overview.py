"""How many of the tweets are liked, and how much."""

from __future__ import annotations

from viral_trainer.eda.described import Described
from viral_trainer.eda.facts.all import Facts
from viral_trainer.eda.facts.likes import QUANTILES
from viral_trainer.eda.facts.shares import Share
from viral_trainer.eda.panels.panel import (
    SHARE_HEAD,
    Panel,
    Section,
    count,
    goal,
    interval,
    percent,
    share_rows,
)
from viral_trainer.eda.plots import amounts, shares


def overview(described: Described, facts: Facts) -> Section:
    """Class balance and likes; with several pieces also the way from one to the next."""
    panels = [balance(described, facts), likes(facts)]
    if len(facts.pieces) > 1:
        panels.append(pieces(described, facts))
    return Section("likes", "Likes", panels)


def balance(described: Described, facts: Facts) -> Panel:
    """Viral or not, in all and in each split."""
    everything = facts.all
    majority = max(everything.rate, 1 - everything.rate)
    other = "viral" if everything.rate > 0.5 else "not viral"
    return Panel(
        "balance",
        "Class balance",
        f"{percent(everything.rate)} of the {count(everything.tweets, 'tweet')} have {goal(described.likes_threshold)} "
        f"(95% interval {interval(everything)}). Whoever calls every tweet {other} is right about {percent(majority)}.",
        shares.splits("balance", [everything, *facts.splits]),
        ("split", *SHARE_HEAD),
        share_rows([everything, *facts.splits]),
        "The left part of each bar is viral. A tweet’s split follows from its text.",
    )


def likes(facts: Facts) -> Panel:
    """Their distribution, in bins that double."""
    found = facts.likes.of_likes
    named = dict(zip(QUANTILES, found.quantiles, strict=True))
    return Panel(
        "likes-spread",
        "How many likes",
        f"{percent(found.none)} of the tweets have none. Half have at most {named[0.5]:,}, one in ten more than "
        f"{named[0.9]:,}, one in a hundred more than {named[0.99]:,}; the most liked one has {found.most:,}.",
        amounts.likes("likes-spread", facts.likes, facts.all.tweets),
        ("", "none", *(f"{100 * quantile:.0f}% have at most" for quantile in QUANTILES), "most", "in all"),
        [
            (
                one.name,
                percent(one.none),
                *(f"{value:,}" for value in one.quantiles),
                f"{one.most:,}",
                f"{one.total:,}",
            )
            for one in facts.likes.counts
        ],
    )


def pieces(described: Described, facts: Facts) -> Panel:
    """The viral share from one to the next."""
    unit = described.unit
    first, last = facts.pieces[0], facts.pieces[-1]
    named = [
        Share(f"{piece.since.day} {piece.since:%b}", one.tweets, one.viral)
        for piece, one in zip(described.pieces, facts.pieces, strict=True)
    ]
    return Panel(
        "pieces",
        f"{unit.capitalize()} by {unit}",
        f"The viral share went from {percent(first.rate)} in the oldest {unit} to "
        f"{percent(last.rate)} in the newest.",
        shares.columns("pieces", named, facts.all.rate, f"first day of the {unit}"),
        (f"{unit} from", *SHARE_HEAD),
        share_rows(named),
    )
