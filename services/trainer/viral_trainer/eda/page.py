"""The page: one HTML file that needs nothing else, neither a network nor a script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined

from viral_trainer.eda.described import Described
from viral_trainer.eda.facts.all import Facts
from viral_trainer.eda.facts.shares import FEW
from viral_trainer.eda.panels.drift import drift_section
from viral_trainer.eda.panels.features import features_section
from viral_trainer.eda.panels.overview import overview
from viral_trainer.eda.panels.panel import Section, count, goal, interval, percent, points
from viral_trainer.eda.panels.people import people
from viral_trainer.eda.panels.time_and_text import time_and_text


@dataclass(frozen=True)
class Tile:
    """One figure of the head of the page."""

    name: str
    value: str
    more: str


def page(described: Described, facts: Facts) -> str:
    """The report as HTML; every text that a tweet, a query or a file brought is escaped."""
    environment = Environment(
        loader=PackageLoader("viral_trainer.eda"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = day
    return environment.get_template("report.html").render(
        described=described,
        days=days(described),
        goal=goal(described.likes_threshold),
        tiles=tiles(described, facts),
        sections=sections(described, facts),
        few=FEW,
        made_at=datetime.now(UTC),
    )


def day(at: datetime) -> str:
    """`1 Apr 2022`."""
    return f"{at.day} {at:%b %Y}"


def days(described: Described) -> str:
    """First and last day; windows end where the next day begins."""
    first, last = day(described.pieces[0].since), day(described.pieces[-1].until - timedelta(microseconds=1))
    return first if first == last else f"{first} to {last}"


def sections(described: Described, facts: Facts) -> list[Section]:
    """In the order in which questions come up."""
    return [
        overview(described, facts),
        features_section(facts),
        time_and_text(facts),
        people(described, facts),
        drift_section(described, facts),
    ]


def tiles(described: Described, facts: Facts) -> list[Tile]:
    """What to know first."""
    likes, authors = facts.likes.of_likes, facts.authors
    found = [
        Tile("Tweets", f"{facts.all.tweets:,}", f"by {count(authors.authors, 'author')}"),
        Tile("Viral", percent(facts.all.rate), interval(facts.all)),
        Tile("Most likes", f"{likes.most:,}", f"the median is {likes.quantiles[1]:,}"),
        Tile("By new authors", percent(authors.new.tweets / facts.all.tweets), "of the tweets"),
    ]
    if facts.drift:
        shifted = sum(one.level == "large" for one in facts.drift.shifts)
        found.append(
            Tile(
                "Change of viral share",
                points(facts.drift.change),
                f"points since the {described.unit} before",
            )
        )
        found.append(Tile("Large shifts", f"{shifted}", f"of {len(facts.drift.shifts)} quantities"))
    return found
