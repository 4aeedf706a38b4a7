"""Load the vocabulary of the simulated world from words.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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
