"""The model card's figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from viral_common.artefact.training_summary import ReliabilityBin, Slice

# Name of a figure, its title, and the figure or number that knowing nothing of a tweet reaches.
_METRICS: tuple[tuple[str, str, str | float], ...] = (
    ("auc", "AUC", 0.5),
    ("auc_unknown_author", "AUC without a username", 0.5),
    ("average_precision", "average precision", "viral_rate"),
    ("log_loss", "log loss", "majority_log_loss"),
    ("accuracy", "accuracy", "majority_accuracy"),
    ("precision", 'precision of "viral"', "viral_rate"),
    ("recall", 'recall of "viral"', ""),
    ("f1", 'F1 of "viral"', ""),
    ("ece", "calibration error", ""),
)


def metrics_table(metrics: dict[str, float]) -> str:
    """Those of the known figures that there are, beside what guessing the share of viral tweets reaches."""
    return _table(
        ("metric", "value", "95% interval", "knowing nothing"),
        (
            (title, f"{metrics[name]:.3f}", _interval(metrics, name), _chance(metrics, chance))
            for name, title, chance in _METRICS
            if name in metrics
        ),
    )


def _interval(metrics: dict[str, float], name: str) -> str:
    ends = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return "" if ends[0] is None or ends[1] is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _chance(metrics: dict[str, float], chance: str | float) -> str:
    value = metrics.get(chance) if isinstance(chance, str) else chance
    return "" if value is None else f"{value:.3f}"


def slices_section(slices: Sequence[Slice]) -> str:
    """Empty for an artefact that was made before there were any."""
    if not slices:
        return ""
    table = _table(
        ("tweets by", "", "number", "viral", "AUC", "95% interval", "said beyond true"),
        (
            (one.of, one.name, f"{one.count:,}", f"{one.viral_rate:.1%}", *_auc(one), _gap(one))
            for one in slices
        ),
    )
    return (
        f"## For which tweets\n\nThe same validation tweets; no AUC where too few are viral.\n\n{table}\n\n"
    )


def _auc(one: Slice) -> tuple[str, str]:
    if one.auc is None:
        return "", ""
    return f"{one.auc:.3f}", f"{one.auc_low:.3f} to {one.auc_high:.3f}"


def _gap(one: Slice) -> str:
    points = round(100 * (one.stated_rate - one.viral_rate), 1) + 0.0  # no -0.0
    return f"{points:+.1f} points"


def reliability_section(bins: Sequence[ReliabilityBin]) -> str:
    """Empty for an artefact that was made before there was any."""
    if not bins:
        return ""
    table = _table(
        ("said", "true", "number"),
        ((f"{one.stated_rate:.1%}", f"{one.viral_rate:.1%}", f"{one.count:,}") for one in bins),
    )
    return (
        f"## Whether its probabilities are true\n\nTweets of like probability, a tenth each.\n\n{table}\n\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
