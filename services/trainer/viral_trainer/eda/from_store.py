"""Batches that were collected, as what a report is about."""

from __future__ import annotations

from collections import Counter

from viral_common.database.tables import Batch
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings
from viral_common.stores.tweets import TweetStore

from viral_trainer.eda.described import Described, Piece


def batch_asked_for(tweets: TweetStore, start: str | None) -> Batch:
    """The only batch whose id begins so, or the newest. Raises UsageError if there is none to describe."""
    if start is None:
        if newest := tweets.find_newest_batch():
            return newest
        raise UsageError("no batch has been collected yet; run `make demo`, or name a file with --tweets")
    found = tweets.find_batches(start)
    if len(found) != 1:
        several = "several batch ids begin" if found else "no batch id begins"
        raise UsageError(f"{several} with {start!r}; `make status` lists the newest batches")
    if found[0].collected_at is None:
        raise UsageError(f"batch {found[0].id} is still being collected; try again when it is finished")
    return found[0]


def described_batches(tweets: TweetStore, batch: Batch, size: int, settings: CommonSettings) -> Described:
    """The window of `size` batches that ends with `batch`. Raises UsageError if it has no labelled tweet."""
    found = tweets.find_window(batch, max(size, 2))
    window, earlier = found[-size:], found[:-size]
    if not window or window[-1].id != batch.id:
        raise UsageError(f"batch {batch.id} has no tweets; choose another with --batch")
    ids = [one.id for one in [*window, *earlier]]
    columns = tweets.read_columns(ids, settings.label_rule)
    own = columns.select(columns.batches < len(window))
    if not len(own):
        raise UsageError(
            f"no tweet of batch {batch.id} has a label yet: likes count from {settings.min_age} on (VIRAL_MIN_AGE)"
        )
    return Described(
        source=batch.source,
        query=", ".join(dict.fromkeys(one.query for one in window)),
        pieces=[_piece(one) for one in window],
        columns=own,
        before=columns.select(columns.batches == ids.index(found[-2].id)) if len(found) > 1 else None,
        likes_threshold=settings.likes_threshold,
        unit="batch",
        too_young=tweets.count(ids[: len(window)]) - len(own),
        left_out=sum((Counter(one.filtered) for one in window), Counter()),
    )


def _piece(batch: Batch) -> Piece:
    return Piece(str(batch.id), batch.window_from, batch.window_to)
