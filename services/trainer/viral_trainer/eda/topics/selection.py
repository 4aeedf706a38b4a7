"""Show which tweets were kept, their languages, and texts that occur more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viral_trainer.eda.panel import SHARE_HEAD, Panel, format_count, format_percent, format_share_rows
from viral_trainer.eda.shares import Share, draw_numbers
from viral_trainer.eda.sources import ReportTweets


@dataclass(frozen=True)
class Copies:
    """Count groups of tweets with one text, up to links, mentions, case and spacing."""

    tweets: int
    copied: int
    """Tweets that share their text with another."""
    groups: int
    largest: int
    """Tweets in the largest group."""


def compute_copies(texts: NDArray[np.int64]) -> Copies:
    """Count equal text hashes, (n,)."""
    sizes = np.unique(texts, return_counts=True)[1]
    groups = sizes[sizes > 1]
    return Copies(len(texts), int(groups.sum()), len(groups), int(sizes.max(initial=0)))


LANGUAGES = 12


def render_kept(described: ReportTweets, found: Copies, languages: Sequence[Share]) -> Panel:
    """Render which of the tweets found were kept, and how many texts occur twice."""
    number, left = len(described.columns), sorted(described.left_out.items(), key=lambda item: -item[1])
    if described.too_young:
        left = [*left, ("too young for a label", described.too_young)]
    seen = number + sum(lost for _, lost in left)
    says = f"{format_percent(number / seen)} of the {format_count(seen, 'tweet')} that were found are described here. "
    says += (
        f"{found.copied:,} of them share their text with another ({format_count(found.groups, 'text')}, "
        "the most frequent "
        f"{found.largest} times)."
        if found.groups
        else "No two of them have the same text."
    )
    if len(languages) == 1:
        says += f" All are in one language ({languages[0].label})."
    counts = [("kept", number), *left]
    return Panel(
        "kept",
        "What was kept",
        says,
        draw_numbers("kept", counts, stressed="kept"),
        ("", "tweets"),
        [(label, f"{one:,}") for label, one in counts],
        "Texts are the same if they differ only in links, mentions, case or spacing.",
    )


def render_languages(found: Sequence[Share], tweets: int) -> Panel:
    """Render languages as the source names them."""
    first = found[0]
    shown = found[:LANGUAGES]
    return Panel(
        "languages",
        "Languages",
        f"{format_count(len(found), 'language')}; {format_percent(first.tweets / tweets)} of the tweets are in "
        f"“{first.label}”.",
        draw_numbers("languages", [(one.label, one.tweets) for one in shown], stressed=first.label),
        ("language", *SHARE_HEAD),
        format_share_rows(found),
    )
