"""Authors, in numbers; and which tweets were kept at all."""

from __future__ import annotations

from viral_trainer.eda.described import Described
from viral_trainer.eda.facts.all import Facts
from viral_trainer.eda.panels.panel import SHARE_HEAD, Panel, Section, apart, count, percent, share_rows
from viral_trainer.eda.plots import amounts, shares

LANGUAGES = 12


def people(described: Described, facts: Facts) -> Section:
    """How much authors post, what their past goes with, and which tweets were kept."""
    panels = [spread(facts), known(facts), kept(described, facts)]
    if len(facts.languages) > 1:
        panels.append(languages(facts))
    return Section("authors", "Authors and selection", panels)


def spread(facts: Facts) -> Panel:
    """Tweets per author."""
    found = facts.authors
    once = sum(group.authors for group in found.groups if group.label == "1")
    return Panel(
        "spread",
        "Tweets per author",
        f"{count(found.authors, 'author')} posted {count(found.tweets, 'tweet')}; {percent(once / found.authors)} "
        f"just one. The busiest hundredth ({count(found.busiest, 'author')}) posted {percent(found.by_busiest)}.",
        amounts.groups("spread", found.groups, found.authors, found.tweets),
        ("tweets of the author", "authors", "tweets", "of authors", "of tweets"),
        [
            (
                group.label,
                f"{group.authors:,}",
                f"{group.tweets:,}",
                percent(group.authors / found.authors),
                percent(group.tweets / found.tweets),
            )
            for group in found.groups
        ],
    )


def known(facts: Facts) -> Panel:
    """New authors beside those whose tweets were collected before."""
    new, old = facts.authors.new, facts.authors.known
    says = f"{percent(new.tweets / facts.all.tweets)} of the tweets are by authors of whom nothing was collected before"
    if new.tweets and old.tweets:
        verdict = "" if apart(new, old) else ": no clear difference"
        says += f"; {percent(new.rate)} of these are viral, and {percent(old.rate)} of those by known authors{verdict}"
    return Panel(
        "known",
        "Known authors and new ones",
        f"{says}.",
        shares.columns("known", facts.authors.by_earlier, facts.all.rate, "earlier tweets of the author"),
        ("earlier tweets", *SHARE_HEAD),
        share_rows(facts.authors.by_earlier),
    )


def kept(described: Described, facts: Facts) -> Panel:
    """Which of the tweets found were kept, and how many texts occur twice."""
    number, left = facts.all.tweets, sorted(described.left_out.items(), key=lambda item: -item[1])
    if described.too_young:
        left = [*left, ("too young for a label", described.too_young)]
    seen = number + sum(lost for _, lost in left)
    found = facts.copies
    says = f"{percent(number / seen)} of the {count(seen, 'tweet')} that were found are described here. "
    says += (
        f"{found.copied:,} of them share their text with another ({count(found.groups, 'text')}, the most frequent "
        f"{found.largest} times)."
        if found.groups
        else "No two of them have the same text."
    )
    if len(facts.languages) == 1:
        says += f" All are in one language ({facts.languages[0].label})."
    counts = [("kept", number), *left]
    return Panel(
        "kept",
        "What was kept",
        says,
        amounts.numbers("kept", counts, stressed="kept"),
        ("", "tweets"),
        [(label, f"{one:,}") for label, one in counts],
        "Texts are the same if they differ only in links, mentions, case or spacing.",
    )


def languages(facts: Facts) -> Panel:
    """As the source names them."""
    first = facts.languages[0]
    shown = facts.languages[:LANGUAGES]
    return Panel(
        "languages",
        "Languages",
        f"{count(len(facts.languages), 'language')}; {percent(first.tweets / facts.all.tweets)} of the tweets are in "
        f"“{first.label}”.",
        amounts.numbers("languages", [(one.label, one.tweets) for one in shown], stressed=first.label),
        ("language", *SHARE_HEAD),
        share_rows(facts.languages),
    )
