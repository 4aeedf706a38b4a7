"""Draw words and build each simulated tweet's text from them, and what they do to its likes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from viral_scraper.simulation.like_model import Floats, Ints, Shown
from viral_scraper.simulation.world import World, load_words


@dataclass(frozen=True, slots=True)
class Sentences:
    """Hold the words of some tweets as numbers; arrays of shape (tweets,), `phrases` of shape (4, tweets)."""

    phrases: Ints
    topic: Ints
    subject: Ints
    other: Ints
    number: Ints

    @classmethod
    def draw(cls, draw: np.random.Generator, world: World, day: date, topic: Ints) -> Sentences:
        """Draw what people say about these topics that day."""
        size = len(topic)
        subject = np.zeros(size, dtype=np.int64)
        for each in np.unique(topic):
            here = topic == each
            share = world.compute_subject_share(day, int(each))
            subject[here] = draw.choice(len(share), int(here.sum()), p=share)
        return cls(
            phrases=np.stack([draw.integers(len(choice), size=size) for choice in load_words().choices]),
            topic=topic,
            subject=subject,
            other=draw.integers(len(load_words().subjects[0]), size=size),
            number=draw.integers(2, 100, size=size),
        )

    def sum_effects(self) -> Floats:
        """Sum what the phrases add to the log of the expected likes, unscaled; shape (tweets,)."""
        total = np.zeros(len(self.topic))
        for choice, drawn in zip(load_words().choices, self.phrases, strict=True):
            total += np.array([effect for _, effect in choice])[drawn]
        return total

    def write_originals(self, shown: Shown, usernames: list[str]) -> list[str]:
        """Write English, with the mentions, hashtags and links that `shown` counts."""
        columns = (
            self.topic,
            self.subject,
            self.other,
            self.number,
            shown.mentions,
            shown.hashtags,
            shown.link,
        )
        rows = zip(*self.phrases.tolist(), *(column.tolist() for column in columns), strict=True)
        return [_write_original(row, usernames) for row in rows]

    def write_foreign(self, index: int) -> tuple[str, str]:
        """Write language and text of something that is not English."""
        foreign = load_words().foreign
        language, template = foreign[int(self.other[index]) % len(foreign)]
        return language, self._fill(template, index)

    def write_reply(self, index: int, to: str) -> str:
        """Write an answer to somebody."""
        replies = load_words().replies
        return f"@{to} " + self._fill(replies[int(self.other[index]) % len(replies)], index)

    def _fill(self, template: str, index: int) -> str:
        return template.format(
            subject=load_words().subjects[self.topic[index]][self.subject[index]],
            opinion=load_words().opinions[self.phrases[1][index]][0],
            number=self.number[index],
        )


def _write_original(row: tuple[int, ...], usernames: list[str]) -> str:
    opener, opinion, aside, remark, topic, subject, other, number, mentions, hashtags, link = row
    vocabulary = load_words()
    subjects, tags = vocabulary.subjects[topic], vocabulary.tags[topic]
    about, elsewhere = subjects[subject], subjects[other if other != subject else other - 1]
    before = vocabulary.openers[opener][0]
    if before.endswith((".", "!")):
        about = _capitalise(about)
    parts = [before, about, vocabulary.opinions[opinion][0], vocabulary.asides[aside][0]]
    text = f"{_capitalise(' '.join(filter(None, parts)))}."
    if comment := vocabulary.remarks[remark][0]:
        text += f" {comment.format(other=elsewhere, number=number)}"
    if mentions:
        text += f" cc @{usernames[(number * 61 + opinion * 7 + other) % len(usernames)]}"
    for tag in range(hashtags):
        text += f" #{tags[(subject + tag) % len(tags)]}"
    if link:
        text += f" https://simulated.example/{topic}{subject}{aside}{number}"
    return text


def _capitalise(text: str) -> str:
    return text[0].upper() + text[1:]
