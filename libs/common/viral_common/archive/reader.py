"""Read files of tweets, whatever wrote them: a format is recognised by the content, bad rows are named and left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.rows import read_rows
from viral_common.tweets.tweet import RawTweet

__all__ = ["BadRows", "read_tweets"]


def read_tweets(path: Path, bad: BadRows) -> Iterator[RawTweet]:
    """Read the file's tweets in its own order. Raises UsageError if it cannot be opened."""
    for shape, line, row in read_rows(path, bad):
        try:
            yield shape.tweet_of(row)
        except BadRow as error:
            bad.add(path, line, str(error))
