"""How the newest batch differs from the one before it."""

from __future__ import annotations

from viral_common.tweets.feature_names import feature_name

from viral_trainer.eda.described import Described
from viral_trainer.eda.facts.all import Facts
from viral_trainer.eda.facts.shift import Drift
from viral_trainer.eda.panels.panel import (
    SHARE_HEAD,
    Panel,
    Section,
    apart,
    count,
    percent,
    points,
    share_rows,
)
from viral_trainer.eda.plots import amounts, features, shares


def drift_section(described: Described, facts: Facts) -> Section:
    """Every quantity, the viral share, and the words; one sentence where there is nothing to compare with."""
    unit, found = described.unit, facts.drift
    if found is None:
        alone = Panel("alone", "Nothing before", f"There is no earlier {unit} to compare with.")
        return Section("drift", "Drift", [alone])
    panels = [shifts(found, unit), viral_share(found, facts.all.rate, unit), novelty(found, unit)]
    return Section("drift", "Drift", panels)


def shifts(found: Drift, unit: str) -> Panel:
    """PSI of each quantity."""
    named = {
        level: [feature_name(one.name) for one in found.shifts if one.level == level]
        for level in ("large", "moderate")
    }
    says = ". ".join(
        f"{'A large' if level == 'large' else 'A moderate'} shift: {', '.join(names)}"
        for level, names in named.items()
        if names
    )
    return Panel(
        "shifts",
        "What has shifted",
        f"{says}." if says else f"None of {len(found.shifts)} quantities has shifted by more than is usual.",
        features.shifts("shifts", found.shifts),
        ("quantity", "PSI", "by chance up to", "KS distance", "shift"),
        [
            (
                feature_name(one.name),
                f"{one.index:.4f}",
                f"{one.chance:.4f}",
                "–" if one.distance is None else f"{one.distance:.3f}",
                one.level,
            )
            for one in found.shifts
        ],
        f"Population stability index against the {unit} before: under 0.1 is usually called stable, from 0.25 on a "
        "large shift. Where other days are covered, weekdays and hours differ by the calendar.",
    )


def viral_share(found: Drift, overall: float, unit: str) -> Panel:
    """Then and now."""
    verdict = (
        "more than chance would easily do"
        if apart(found.before, found.after)
        else "no more than chance may do"
    )
    return Panel(
        "viral-shift",
        "Viral share",
        f"{percent(found.after.rate)} of the newest {unit}’s tweets are viral, {percent(found.before.rate)} were "
        f"before: {points(found.change)} points, {verdict}.",
        shares.rows("viral-shift", [found.before, found.after], overall),
        (unit, *SHARE_HEAD),
        share_rows([found.before, found.after]),
    )


def novelty(found: Drift, unit: str) -> Panel:
    """Words and texts that are new, or not."""
    new = found.novelty
    return Panel(
        "novelty",
        "New words",
        f"{new.new:,} of {count(new.different, 'different word')} did not occur in the {unit} before; they make up "
        f"{percent(new.share)} of the words in the tweets. {percent(found.texts_seen)} of the texts did occur before.",
        amounts.parts(
            "novelty",
            [
                ("new, of different words", new.new / max(1, new.different)),
                ("new, of words in tweets", new.share),
                ("texts seen before", found.texts_seen),
            ],
        ),
        ("", "number", "share"),
        [
            ("different words", f"{new.different:,}", "100%"),
            ("new words", f"{new.new:,}", percent(new.new / max(1, new.different))),
            ("new words, by their uses", "–", percent(new.share)),
            ("texts seen before", "–", percent(found.texts_seen)),
        ],
    )
