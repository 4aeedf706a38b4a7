"""Show how long tweets are, and how that goes with likes."""

from __future__ import annotations

from collections.abc import Sequence

from viral_trainer.eda.panel import SHARE_HEAD, Panel, find_extremes, format_percent, format_share_rows
from viral_trainer.eda.shares import Share, draw_columns


def render_length(key: str, title: str, unit: str, found: Sequence[Share], everything: Share) -> Panel:
    """Render the viral share by how long tweets are."""
    ends = find_extremes(found)
    most = max(found, key=lambda one: one.tweets)
    part = format_percent(most.tweets / everything.tweets)
    says = f"Most frequent are {most.label} {title.lower()} ({part} of the tweets)."
    if ends:
        low, high = ends
        says += f" The viral share is lowest at {low.label} ({format_percent(low.rate)})"
        says += f" and highest at {high.label} ({format_percent(high.rate)})."
    return Panel(
        key,
        title,
        says,
        draw_columns(key, found, everything.rate, unit),
        (title.lower(), *SHARE_HEAD),
        format_share_rows(found),
    )
