"""Read the tweets that a report describes from a file or from the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from viral_common.archive.bad_rows import BadRows
from viral_common.database.tables import Batch
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings
from viral_common.stores.tweet_columns import DescribedTweet, TweetColumns
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import RawTweet

from viral_trainer.data.tweet_files import pair_with_labels, read_kept
from viral_trainer.eda.word_table import WordTable, build_word_table


@dataclass(frozen=True)
class Piece:
    """Hold the name and time range of a batch, or of a part of a file."""

    name: str
    since: datetime
    until: datetime

    @classmethod
    def from_batch(cls, batch: Batch) -> Piece:
        return cls(str(batch.id), batch.window_from, batch.window_to)

    @classmethod
    def from_part(cls, name: str, part: TweetColumns) -> Piece:
        """Take the times of the first and the last tweet."""
        seconds = part.posted_at[[0, -1]].astype("datetime64[s]").astype(np.int64)
        return cls(name, *(datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(one)) for one in seconds))


@dataclass(frozen=True)
class ReportTweets:
    """Hold the tweets of one or more pieces of one source, oldest first, and what came before the last piece."""

    source: str
    query: str
    pieces: Sequence[Piece]
    columns: TweetColumns
    """Of all pieces, at least one tweet; `batches` are their places."""
    before: TweetColumns | None
    """What the last piece is compared with; None if it is the first of its source."""
    likes_threshold: int
    unit: str
    """What a piece is called."""
    too_young: int
    """Tweets left out because their likes were read too early."""
    left_out: Mapping[str, int]
    """Tweets not kept when the pieces were collected, by reason."""

    @property
    def newest(self) -> TweetColumns:
        """Select the tweets of the last piece."""
        return self.columns.select(self.columns.batches == len(self.pieces) - 1)

    @property
    def viral(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Compute the label of each tweet, (n,)."""
        return self.columns.likes > self.likes_threshold

    @cached_property
    def words(self) -> WordTable:
        """Split the texts into words: the only long step of a report."""
        return build_word_table(self.columns.texts)


# What comes later by time is compared with what came before, parted as `viral-trainer compare` parts it.
BEFORE = 0.8


def read_file(path: Path, settings: CommonSettings) -> ReportTweets:
    """Read a file's English originals in two parts by time. Raises UsageError if there are none."""
    bad = BadRows()
    kept, left_out = read_kept(path, bad)
    columns = TweetColumns.from_tweets(_describe_tweets(kept, settings))
    if not len(columns):
        raise UsageError(
            f"no tweet in {path} has a label: likes count from {settings.min_age} on (VIRAL_MIN_AGE)"
        )
    later = np.arange(len(columns)) >= BEFORE * len(columns)
    columns = replace(columns, batches=later.astype(np.int64))
    parts = {"first 80%": columns.select(~later), "last 20%": columns.select(later)}
    unreadable = {"unreadable": bad.rows} if bad.rows else {}
    return ReportTweets(
        source="file",
        query=path.name,
        pieces=[Piece.from_part(name, part) for name, part in parts.items() if len(part)],
        columns=columns,
        before=parts["first 80%"] if later.any() else None,
        likes_threshold=settings.likes_threshold,
        unit="part",
        too_young=len(kept) - len(columns),
        left_out={**left_out, **unreadable},
    )


def _describe_tweets(tweets: Sequence[RawTweet], settings: CommonSettings) -> Iterator[DescribedTweet]:
    for tweet, labelled in pair_with_labels(tweets, settings.label_rule):
        text_hash = compute_copy_hash(tweet.text)
        yield DescribedTweet(
            labelled.input,
            tweet.like_count,
            tweet.retweet_count,
            tweet.reply_count,
            tweet.author_id,
            tweet.language,
            text_hash,
            choose_split(text_hash),
            0,
        )


def find_batch(tweets: TweetStore, start: str | None) -> Batch:
    """Find the only batch whose id begins so, or the newest. Raises UsageError if there is none to describe."""
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


def read_batches(tweets: TweetStore, batch: Batch, size: int, settings: CommonSettings) -> ReportTweets:
    """Read the window of `size` batches that ends with `batch`. Raises UsageError if it has no labelled tweet."""
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
    return ReportTweets(
        source=batch.source,
        query=", ".join(dict.fromkeys(one.query for one in window)),
        pieces=[Piece.from_batch(one) for one in window],
        columns=own,
        before=columns.select(columns.batches == ids.index(found[-2].id)) if len(found) > 1 else None,
        likes_threshold=settings.likes_threshold,
        unit="batch",
        too_young=tweets.count(ids[: len(window)]) - len(own),
        left_out=sum((Counter(one.filtered) for one in window), Counter()),
    )
