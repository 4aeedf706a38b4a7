"""Report a comparison as JSON for programs, as Markdown for pages, and as a table on the screen."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich.table import Table

from viral_trainer.compare.comparison import Comparison, Result
from viral_trainer.compare.contenders import CONTENDERS

# With their intervals, and of how many authors.
FIGURES = ("auc", "accuracy", "log_loss", "average_precision", "ece", "within_")
_HEAD = ("model", "AUC", "accuracy", "log loss", "within", "seconds", "MB")
_SHOWN = ("auc", "accuracy", "log_loss", "within_author_auc")


def to_json(comparison: Comparison, file: str) -> dict[str, object]:
    """Collect the figures with the ends of their 95% intervals beside them (`auc_low`, `auc_high`)."""
    return {
        "tweets": comparison.tweets,
        "file": file,
        "split": comparison.split,
        "seed": comparison.seed,
        "likes_threshold": comparison.likes_threshold,
        "train": comparison.train_count,
        "validation": comparison.validation_count,
        "test": len(comparison.labels),
        "test_from": comparison.test_from.isoformat(),
        "test_to": comparison.test_to.isoformat(),
        "test_viral_rate": float(comparison.labels.mean()),
        "results": [
            {"name": result.contender.name, **collect_figures(result)} for result in comparison.results
        ],
    }


def collect_figures(result: Result) -> dict[str, float]:
    """Collect all of one contender's numbers by name."""
    figures = {name: value for name, value in result.scores.items() if name.startswith(FIGURES)}
    return {**figures, "train_seconds": result.train_seconds, "peak_mb": result.peak_mb}


def to_markdown(comparison: Comparison, file: str) -> str:
    """Write a page of its own: what was compared, the table, who is who."""
    rows = [_HEAD, ("---", *["--:"] * 6), *(_format_cells(result) for result in comparison.results)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    names = {result.contender.name for result in comparison.results}
    legend = "\n".join(f"- `{one.name}`: {one.what}" for one in CONTENDERS if one.name in names)
    return f"# {format_title(comparison, file)}\n\n{format_caption(comparison)}\n\n{table}\n\n{legend}\n"


def to_table(comparison: Comparison, file: str) -> Table:
    """Build the table for a terminal."""
    table = Table(
        title=format_title(comparison, file),
        caption=format_caption(comparison),
        box=None,
        padding=(0, 2, 0, 0),
    )
    for name in _HEAD:
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    for result in comparison.results:
        table.add_row(*_format_cells(result, with_interval=("auc",)))  # all three would not fit
    return table


def format_title(comparison: Comparison, file: str) -> str:
    """Format one line that names the file and what was asked."""
    how = "the last 20% by time" if comparison.split == "time" else "a random 20%"
    return f"{file}: more than {comparison.likes_threshold} likes, judged on {how}"


def format_caption(comparison: Comparison) -> str:
    """Format on what the figures rest."""
    return (
        f"{comparison.tweets:,} English originals: {comparison.train_count:,} to train, "
        f"{comparison.validation_count:,} to validate, {len(comparison.labels):,} to test "
        f"({comparison.labels.mean():.1%} of them viral). In brackets 95% intervals by author; seed {comparison.seed}. "
        "Within: how often the liked one of two tweets by one author ranks first."
    )


def _format_cells(result: Result, with_interval: Collection[str] = _SHOWN) -> tuple[str, ...]:
    figures = (_format_cell(result.scores, name, name in with_interval) for name in _SHOWN)
    return (result.contender.name, *figures, f"{result.train_seconds:,.1f}", f"{result.peak_mb:,.0f}")


def _format_cell(scores: Mapping[str, float], name: str, with_interval: bool) -> str:
    if name not in scores:
        return "–"
    if not with_interval or f"{name}_low" not in scores:
        return f"{scores[name]:.3f}"
    return f"{scores[name]:.3f} ({scores[f'{name}_low']:.3f}–{scores[f'{name}_high']:.3f})"
