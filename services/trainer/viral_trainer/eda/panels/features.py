"""What goes with likes: each feature by itself, and the viral share by its value."""

from __future__ import annotations

from viral_common.tweets.feature_names import feature_name, is_yes_or_no

from viral_trainer.eda.facts.all import Facts
from viral_trainer.eda.facts.shares import Share
from viral_trainer.eda.facts.signals import Signal
from viral_trainer.eda.panels.panel import SHARE_HEAD, Panel, Section, apart, percent, share_rows
from viral_trainer.eda.plots import features, shares


def features_section(facts: Facts) -> Section:
    """All features, then those of the tweet that vary and have few values."""
    varying = {name: found for name, found in facts.effects.items() if len(found) > 1}
    return Section(
        "features", "Features", [signals(facts), *(effect(name, varying[name], facts) for name in varying)]
    )


def signals(facts: Facts) -> Panel:
    """The AUC of each feature alone."""
    told = [one for one in facts.signals if one.auc is not None]
    return Panel(
        "signals",
        "Each feature by itself",
        _signals_say(facts, told),
        features.signals("signals", told) if told else None,
        ("feature", "AUC", "±", "Spearman with likes"),
        [
            (feature_name(one.name), _figure(one.auc), _figure(one.error), _figure(one.spearman))
            for one in facts.signals
        ],
        "AUC: how often a viral tweet has a higher value than another one. Hours and weekdays go round, so for them "
        "see the week below.",
    )


def _signals_say(facts: Facts, told: list[Signal]) -> str:
    if not told:
        return "With one class only, or without a feature that varies, there is nothing to tell apart."
    best = told[0]
    auc = 0.5 + best.advantage
    side = "higher" if auc > 0.5 else "lower"
    sentence = (
        f"The strongest is “{feature_name(best.name)}”: {100 * max(auc, 1 - auc):.0f} times in 100 a viral tweet has "
        f"a {side} value than another one; 50 would tell nothing."
    )
    same = [feature_name(one.name) for one in facts.signals if one.auc is None]
    return sentence + (f" The same for all tweets: {', '.join(same)}." if same else "")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace("-", "−")


def effect(name: str, found: list[Share], facts: Facts) -> Panel:
    """The viral share by a feature's value."""
    if is_yes_or_no(name):
        words = ("no", "yes")
        found = [Share(word, one.tweets, one.viral) for word, one in zip(words, found, strict=False)]
    title = feature_name(name).capitalize()
    key = name.replace("_", "-")
    return Panel(
        key,
        title,
        _effect_says(name, found),
        shares.columns(
            key, found, facts.all.rate, "" if is_yes_or_no(name) else f"{feature_name(name)} in the tweet"
        ),
        (feature_name(name), *SHARE_HEAD),
        share_rows(found),
    )


def _effect_says(name: str, found: list[Share]) -> str:
    without = found[0]
    rest = Share("", sum(one.tweets for one in found[1:]), sum(one.viral for one in found[1:]))
    if is_yes_or_no(name):
        yes, no = "it is so", "it is not"
    elif without.label == "0":
        yes, no = f"there are {feature_name(name)}", "there are none"
    else:
        yes, no = "there are more", f"there are {without.label}"
    verdict = (
        f"{abs(100 * (rest.rate - without.rate)):.1f} points {'more' if rest.rate > without.rate else 'less'}"
        if apart(rest, without)
        else "no clear difference"
    )
    return (
        f"Where {yes} ({percent(rest.tweets / (rest.tweets + without.tweets))} of the tweets), {percent(rest.rate)} "
        f"are viral, against {percent(without.rate)} where {no}: {verdict}."
    )
