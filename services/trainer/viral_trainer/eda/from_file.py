"""A file of tweets, as what a report is about: no server is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from viral_common.archive.bad_rows import BadRows
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings
from viral_common.stores.tweet_columns import DescribedTweet, TweetColumns
from viral_common.tweets.text import copy_hash, split_of
from viral_common.tweets.tweet import RawTweet

from viral_trainer.data.tweet_files import kept_of, labelled
from viral_trainer.eda.described import Described, Piece

# What comes later by time is compared with what came before, parted as `viral-trainer compare` parts it.
BEFORE = 0.8


def described_file(path: Path, settings: CommonSettings) -> Described:
    """Its English originals in two parts by time. Raises UsageError if it cannot be read or none has a label."""
    bad = BadRows()
    kept, left_out = kept_of(path, bad)
    columns = TweetColumns.from_tweets(_described(kept, settings))
    if not len(columns):
        raise UsageError(
            f"no tweet in {path} has a label: likes count from {settings.min_age} on (VIRAL_MIN_AGE)"
        )
    later = np.arange(len(columns)) >= BEFORE * len(columns)
    columns = replace(columns, batches=later.astype(np.int64))
    parts = {"first 80%": columns.select(~later), "last 20%": columns.select(later)}
    unreadable = {"unreadable": bad.by_reason.total()} if bad.by_reason else {}
    return Described(
        source="file",
        query=path.name,
        pieces=_pieces({name: part for name, part in parts.items() if len(part)}),
        columns=columns,
        before=parts["first 80%"] if later.any() else None,
        likes_threshold=settings.likes_threshold,
        unit="part",
        too_young=len(kept) - len(columns),
        left_out={**left_out, **unreadable},
    )


def _described(tweets: Sequence[RawTweet], settings: CommonSettings) -> Iterator[DescribedTweet]:
    """Those with a label, in time order."""
    rule = settings.label_rule
    mature = [tweet for tweet in tweets if rule.is_mature(tweet.posted_at, tweet.counts_observed_at)]
    mature.sort(key=lambda tweet: (tweet.posted_at, tweet.external_id))
    for tweet, one in zip(mature, labelled(tweets, rule), strict=True):
        text_hash = copy_hash(tweet.text)
        yield DescribedTweet(
            one.input,
            tweet.like_count,
            tweet.retweet_count,
            tweet.reply_count,
            tweet.author_id,
            tweet.language,
            text_hash,
            split_of(text_hash),
            0,
        )


def _pieces(parts: Mapping[str, TweetColumns]) -> list[Piece]:
    return [Piece(name, _time(part, 0), _time(part, -1)) for name, part in parts.items()]


def _time(part: TweetColumns, place: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(part.posted_at[place].astype(np.int64)))
