"""Render the report as one HTML file that needs neither a network nor a script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined

from viral_trainer.eda.facts import Facts
from viral_trainer.eda.panel import (
    Section,
    format_count,
    format_goal,
    format_interval,
    format_percent,
    format_points,
)
from viral_trainer.eda.shares import FEW
from viral_trainer.eda.sources import ReportTweets
from viral_trainer.eda.topics.authors import render_known, render_spread
from viral_trainer.eda.topics.drift import render_drift
from viral_trainer.eda.topics.features import render_effect, render_signals
from viral_trainer.eda.topics.hours import render_week
from viral_trainer.eda.topics.lengths import render_length
from viral_trainer.eda.topics.likes import render_balance, render_likes, render_pieces
from viral_trainer.eda.topics.selection import render_kept, render_languages
from viral_trainer.eda.topics.words import render_words


@dataclass(frozen=True)
class Tile:
    """Hold one figure of the head of the page."""

    name: str
    value: str
    more: str


def render_page(described: ReportTweets, facts: Facts) -> str:
    """Render the report as HTML; every text that a tweet, a query or a file brought is escaped."""
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
        tiles=build_tiles(described, facts),
        sections=render_sections(described, facts),
        few=FEW,
        made_at=datetime.now(UTC),
    )


def format_day(at: datetime) -> str:
    """Format a day: `1 Apr 2022`."""
    return f"{at.day} {at:%b %Y}"


def format_days(described: ReportTweets) -> str:
    """Format first and last day; windows end where the next day begins."""
    first, last = (
        format_day(described.pieces[0].since),
        format_day(described.pieces[-1].until - timedelta(microseconds=1)),
    )
    return first if first == last else f"{first} to {last}"


def render_sections(described: ReportTweets, facts: Facts) -> list[Section]:
    """Render all sections, in the order in which questions come up."""
    overall, unit = facts.all.rate, described.unit
    likes = [
        render_balance(facts.all, facts.splits, described.likes_threshold),
        render_likes(facts.likes, facts.all.tweets),
    ]
    if len(facts.pieces) > 1:
        likes.append(render_pieces(described, facts.pieces, overall))
    varying = {name: found for name, found in facts.effects.items() if len(found) > 1}
    features = [
        render_signals(facts.signals),
        *(render_effect(name, found, overall) for name, found in varying.items()),
    ]
    text = [
        render_week(facts.week, overall),
        render_length("words", "Words", "words in the tweet", facts.words_count, facts.all),
        render_length("letters", "Characters", "characters in the tweet", facts.letters, facts.all),
        render_words(facts.words, facts.all),
    ]
    authors = [
        render_spread(facts.authors),
        render_known(facts.authors, facts.all),
        render_kept(described, facts.copies, facts.languages),
    ]
    if len(facts.languages) > 1:
        authors.append(render_languages(facts.languages, facts.all.tweets))
    return [
        Section("likes", "Likes", likes),
        Section("features", "Features", features),
        Section("text", "Time and text", text),
        Section("authors", "Authors and selection", authors),
        render_drift(facts.drift, overall, unit),
    ]


def build_tiles(described: ReportTweets, facts: Facts) -> list[Tile]:
    """Build the figures of the head of the page."""
    likes, authors = facts.likes.of_likes, facts.authors
    found = [
        Tile("Tweets", f"{facts.all.tweets:,}", f"by {format_count(authors.authors, 'author')}"),
        Tile("Viral", format_percent(facts.all.rate), format_interval(facts.all)),
        Tile("Most likes", f"{likes.most:,}", f"the median is {likes.quantiles[1]:,}"),
        Tile("By new authors", format_percent(authors.new.tweets / facts.all.tweets), "of the tweets"),
    ]
    if facts.drift:
        shifted = sum(one.level == "large" for one in facts.drift.shifts)
        found.append(
            Tile(
                "Change of viral share",
                format_points(facts.drift.change),
                f"points since the {described.unit} before",
            )
        )
        found.append(Tile("Large shifts", f"{shifted}", f"of {len(facts.drift.shifts)} quantities"))
    return found
