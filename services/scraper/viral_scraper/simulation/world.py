"""Draw the simulated world from words.toml: its topics and their words, its authors, and what is hot on which day."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from viral_scraper.simulation.like_model import Floats
from viral_scraper.simulation.profiles import Profiles

AUTHORS = 6_000
Phrases = list[tuple[str, float]]
"""Each with its effect on the log of the expected likes; an empty phrase says nothing."""


@dataclass(frozen=True)
class Words:
    """Hold the vocabulary; `subjects` and `tags` have one list for each topic."""

    subjects: list[list[str]]
    tags: list[list[str]]
    openers: Phrases
    opinions: Phrases
    asides: Phrases
    remarks: Phrases
    foreign: list[tuple[str, str]]
    replies: list[str]
    handles: list[str]

    @property
    def choices(self) -> tuple[Phrases, Phrases, Phrases, Phrases]:
        """What an original is put together from, beside its subject."""
        return self.openers, self.opinions, self.asides, self.remarks


@cache
def load_words() -> Words:
    """Read once."""
    data: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
    topics = data["topics"].values()
    return Words(
        subjects=[topic["subjects"] for topic in topics],
        tags=[topic["tags"] for topic in topics],
        openers=_add_silences(data["openers"], 4),
        opinions=_add_silences(data["opinions"], 0),
        asides=_add_silences(data["asides"], 2),
        remarks=_add_silences(data["remarks"], 3),
        foreign=list(data["foreign"].items()),
        replies=data["replies"]["texts"],
        handles=[
            first + second for second in data["handles"]["second"] for first in data["handles"]["first"]
        ],
    )


def _add_silences(effects: dict[str, float], silences: int) -> Phrases:
    return [("", 0.0)] * silences + list(effects.items())


class World:
    """Hold all that does not change with the day; drawn from the seed."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng([seed, 0])
        self.seed = seed
        self.reach: Floats = draw.normal(0.0, 0.8, AUTHORS)  # log of how many like what they say
        activity = np.exp(draw.normal(0.0, 1.2, AUTHORS) + 0.3 * self.reach)
        self.author_share: Floats = activity / activity.sum()
        self.profiles = Profiles.draw(seed, self.reach)
        self.usernames = [_make_username(author) for author in range(AUTHORS)]
        self.topics = len(load_words().subjects)
        # Two slow waves per topic, of different length: what is hot drifts and comes back.
        self._periods = draw.uniform((7, 19), (16, 41), (self.topics, 2))
        self._phases = draw.uniform(0, 2 * np.pi, (self.topics, 2))

    def compute_heat(self, day: date) -> Floats:
        """Compute each topic's effect on the log of expected likes that day; shape (topics,)."""
        waves = np.sin(2 * np.pi * day.toordinal() / self._periods + self._phases)
        return np.asarray(0.55 * waves[:, 0] + 0.4 * waves[:, 1])

    def compute_topic_share(self, day: date) -> Floats:
        """Compute each topic's share of the tweets; what will be hot tomorrow is talked about today."""
        waves = np.sin(2 * np.pi * (day.toordinal() + 1) / self._periods + self._phases)
        share = np.exp(0.8 * waves[:, 0])
        return np.asarray(share / share.sum())

    def compute_subject_share(self, day: date, topic: int) -> Floats:
        """Compute each subject's share of its topic; each is in fashion about two weeks; shape (subjects,)."""
        subjects = len(load_words().subjects[topic])
        phases = 2 * np.pi * (day.toordinal() / 14 + np.arange(subjects) / subjects)
        share = np.exp(np.sin(phases + self._phases[topic, 0]))
        return np.asarray(share / share.sum())


def _make_username(author: int) -> str:
    handles = load_words().handles
    return f"sim_{handles[author % len(handles)]}{author // len(handles) or ''}"
