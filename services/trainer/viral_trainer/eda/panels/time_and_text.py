"""When tweets are posted, how long they are, and which words go with likes."""

from __future__ import annotations

from viral_trainer.eda.facts.all import Facts
from viral_trainer.eda.facts.shares import FEW, Share
from viral_trainer.eda.facts.words import LEAST_AUTHORS, LEAST_SHARE, LEAST_TWEETS
from viral_trainer.eda.panels.panel import SHARE_HEAD, Panel, Section, count, extremes, percent, share_rows
from viral_trainer.eda.plots import shares
from viral_trainer.eda.plots.week import week as draw_week


def time_and_text(facts: Facts) -> Section:
    """The week, lengths and words."""
    return Section(
        "text",
        "Time and text",
        [
            week(facts),
            length("words", "Words", "words in the tweet", facts.words_count, facts),
            length("letters", "Characters", "characters in the tweet", facts.letters, facts),
            words(facts),
        ],
    )


def week(facts: Facts) -> Panel:
    """The viral share by hour and weekday; by hour alone if only a day or two are covered."""
    found = facts.week
    cells = [found.cell(hour, day) for day in found.days for hour in range(24)]
    if not found.covers_a_week:
        title, note = "Hour by hour (UTC)", ""
        plot = shares.columns("week", found.hours, facts.all.rate, "hour", every=3)
    else:
        title, plot = "The week, hour by hour (UTC)", draw_week("week", found, facts.all.rate)
        few = sum(cell.tweets < FEW for cell in cells)
        note = (
            f"Percent viral. Green is above all tweets’ share, orange below. {few} of {len(cells)} hours hold fewer "
            f"than {FEW} tweets: too few to colour."
        )
    rows = share_rows([cell for cell in cells if cell.tweets])
    return Panel("week", title, _week_says(facts), plot, ("hour", *SHARE_HEAD), rows, note)


def _week_says(facts: Facts) -> str:
    ends, luck = facts.week.extremes(), facts.week.luck()
    if ends is None:
        return f"No two hours of the week hold {FEW} tweets: too few to compare."
    if luck is None:
        return "With one class only, no hour is better than another."
    low, high = ends
    likely = "hardly" if luck < 0.001 else "seldom" if luck < 0.05 else "easily"
    return (
        f"The best hour is {high.label} ({percent(high.rate)} of {count(high.tweets, 'tweet')}), the worst {low.label} "
        f"({percent(low.rate)} of {low.tweets:,}). Chance alone would {likely} make hours that differ as much "
        f"(p {'< 0.001' if luck < 0.001 else f'= {luck:.3f}'})."
    )


def length(key: str, title: str, unit: str, found: list[Share], facts: Facts) -> Panel:
    """The viral share by how long tweets are."""
    ends = extremes(found)
    most = max(found, key=lambda one: one.tweets)
    says = f"Most frequent are {most.label} {title.lower()} ({percent(most.tweets / facts.all.tweets)} of the tweets)."
    if ends:
        low, high = ends
        says += f" The viral share is lowest at {low.label} ({percent(low.rate)})"
        says += f" and highest at {high.label} ({percent(high.rate)})."
    return Panel(
        key,
        title,
        says,
        shares.columns(key, found, facts.all.rate, unit),
        (title.lower(), *SHARE_HEAD),
        share_rows(found),
    )


def words(facts: Facts) -> Panel:
    """Those that stand out on either side."""
    found = facts.words
    shown = [*found.liked, *reversed(found.ignored)]
    says = (
        f"Of {count(found.different, 'different word')}, {found.compared:,} are frequent enough to compare. "
    )
    if found.liked:
        best = found.liked[0]
        says += f"Tweets with “{best.label}” are viral in {percent(best.rate)} of the cases"
    if found.ignored:
        worst = found.ignored[0]
        says += f"{'; those' if found.liked else 'Tweets'} with “{worst.label}” in {percent(worst.rate)}"
    says += f", against {percent(facts.all.rate)} of all." if shown else "None of them stands out."
    return Panel(
        "lift",
        "Words that stand out",
        says,
        shares.rows("lift", shown, facts.all.rate) if shown else None,
        ("word", *SHARE_HEAD),
        share_rows(shown),
        f"Named are only words of at least {max(LEAST_TWEETS, round(LEAST_SHARE * facts.all.tweets)):,} tweets by "
        f"{LEAST_AUTHORS} authors, never mentions. They go with likes; that they bring any is not said.",
    )
