"""Show which tweets were kept, their languages, and texts that occur more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viral_trainer.eda.panel import Panel, format_count, format_percent
from viral_trainer.eda.shares import Share, compute_shares_by_name, draw_numbers
from viral_trainer.eda.sources import ReportTweets

LANGUAGES = 12


@dataclass(frozen=True)
class Copies:
    """Count groups of tweets with one text, up to links, mentions, case and spacing."""

    copied: int
    """Tweets that share their text with another."""
    groups: int
    largest: int
    """Tweets in the largest group."""


def compute_copies(texts: NDArray[np.int64]) -> Copies:
    """Count equal text hashes, (n,)."""
    sizes = np.unique(texts, return_counts=True)[1]
    groups = sizes[sizes > 1]
    return Copies(int(groups.sum()), len(groups), int(sizes.max(initial=0)))


def render_selection(described: ReportTweets) -> list[Panel]:
    """Render what was kept, and the languages if there are several."""
    languages = compute_shares_by_name(described.columns.languages, described.viral)
    kept = render_kept(described, languages)
    return [kept, render_languages(languages, len(described.columns))] if len(languages) > 1 else [kept]


def render_kept(described: ReportTweets, languages: Sequence[Share]) -> Panel:
    """Render which of the tweets found were kept, and how many texts occur twice."""
    number, copies = len(described.columns), compute_copies(described.columns.copies)
    counts = [("kept", number), *sorted(described.left_out.items(), key=lambda item: -item[1])]
    if described.too_young:
        counts.append(("too young for a label", described.too_young))
    seen = sum(count for _, count in counts)
    says = f"{format_percent(number / seen)} of the {format_count(seen, 'tweet')} that were found are described here. "
    if copies.groups:
        says += (
            f"{copies.copied:,} of them share their text with another ({format_count(copies.groups, 'text')}, "
            f"the most frequent {copies.largest} times)."
        )
    else:
        says += "No two of them have the same text."
    if len(languages) == 1:
        says += f" All are in one language ({languages[0].label})."
    return Panel(
        "kept",
        "What was kept",
        says,
        draw_numbers("kept", counts, stressed="kept"),
        ("", "tweets"),
        [(label, f"{count:,}") for label, count in counts],
        "Texts are the same if they differ only in links, mentions, case or spacing.",
    )


def render_languages(languages: Sequence[Share], tweets: int) -> Panel:
    """Render languages as the source names them."""
    first = languages[0]
    counts = [(one.label, one.tweets) for one in languages[:LANGUAGES]]
    return Panel.from_shares(
        "languages",
        "Languages",
        f"{format_count(len(languages), 'language')}; {format_percent(first.tweets / tweets)} of the tweets are in "
        f"“{first.label}”.",
        draw_numbers("languages", counts, stressed=first.label),
        "language",
        languages,
    )
