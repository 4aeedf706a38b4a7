"""Render the report as one HTML file that needs neither a network nor a script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined

from viral_trainer.eda.panel import (
    Section,
    format_count,
    format_goal,
    format_interval,
    format_percent,
    format_points,
)
from viral_trainer.eda.shares import FEW, Share, compute_share
from viral_trainer.eda.sources import ReportTweets
from viral_trainer.eda.topics.authors import Authors, compute_authors, render_known, render_spread
from viral_trainer.eda.topics.drift import Drift, render_drift
from viral_trainer.eda.topics.features import render_features
from viral_trainer.eda.topics.hours import render_week
from viral_trainer.eda.topics.likes import (
    Likes,
    compute_likes,
    render_balance,
    render_likes,
    render_pieces,
)
from viral_trainer.eda.topics.selection import render_selection
from viral_trainer.eda.topics.words import render_lengths, render_words


@dataclass(frozen=True)
class Tile:
    """Hold one figure of the head of the page."""

    name: str
    value: str
    more: str


def render_page(described: ReportTweets, drift: Drift | None) -> str:
    """Render the report as HTML; every text that a tweet, a query or a file brought is escaped."""
    tweets, everything = described.columns, compute_share("all", described.viral)
    likes = compute_likes(tweets.likes, tweets.retweets, tweets.replies)
    authors = compute_authors(tweets.authors, tweets.earlier, described.viral)
    sections = [
        Section(
            "likes",
            "Likes",
            [
                render_balance(described, everything),
                render_likes(likes, everything.tweets),
                *render_pieces(described, everything.rate),
            ],
        ),
        Section("features", "Features", render_features(described, everything.rate)),
        Section(
            "text",
            "Time and text",
            [
                render_week(described, everything.rate),
                *render_lengths(described, everything),
                render_words(described, everything),
            ],
        ),
        Section(
            "authors",
            "Authors and selection",
            [render_spread(authors), render_known(authors, everything), *render_selection(described)],
        ),
        Section("drift", "Drift", render_drift(drift, everything.rate, described.unit)),
    ]
    environment = Environment(
        loader=PackageLoader("viral_trainer.eda"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = format_day
    return environment.get_template("report.html").render(
        described=described,
        days=format_days(described),
        goal=format_goal(described.likes_threshold),
        tiles=build_tiles(everything, likes, authors, drift, described.unit),
        sections=sections,
        few=FEW,
        made_at=datetime.now(UTC),
    )


def format_day(at: datetime) -> str:
    """Format a day: `1 Apr 2022`."""
    return f"{at.day} {at:%b %Y}"


def format_days(described: ReportTweets) -> str:
    """Format first and last day; windows end where the next day begins."""
    first = format_day(described.pieces[0].since)
    last = format_day(described.pieces[-1].until - timedelta(microseconds=1))
    return first if first == last else f"{first} to {last}"


def build_tiles(
    everything: Share, likes: Likes, authors: Authors, drift: Drift | None, unit: str
) -> list[Tile]:
    """Build the figures of the head of the page."""
    counts = likes.of_likes
    found = [
        Tile("Tweets", f"{everything.tweets:,}", f"by {format_count(authors.authors, 'author')}"),
        Tile("Viral", format_percent(everything.rate), format_interval(everything)),
        Tile("Most likes", f"{counts.most:,}", f"the median is {counts.quantiles[1]:,}"),
        Tile("By new authors", format_percent(authors.new.tweets / everything.tweets), "of the tweets"),
    ]
    if drift:
        large = sum(one.level == "large" for one in drift.shifts)
        found += [
            Tile("Change of viral share", format_points(drift.change), f"points since the {unit} before"),
            Tile("Large shifts", f"{large}", f"of {len(drift.shifts)} quantities"),
        ]
    return found
