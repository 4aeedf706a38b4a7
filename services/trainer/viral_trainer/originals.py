"""The originals of a file, as the store would give them: what `compare` and `eda` read without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from viral_common.archive import BadRows, read_tweets
from viral_common.archive.bad_rows import summary
from viral_common.errors import UsageError
from viral_common.filters import filtered
from viral_common.labelling import labelled
from viral_common.tweets import LabelledTweet, RawTweet


def originals_of(path: Path, bad: BadRows, likes_threshold: int, min_age: timedelta) -> list[LabelledTweet]:
    """English originals in time order, each with its author's past; copies of a text stay, unlike in a batch.

    Raises UsageError if the file cannot be read or holds none.
    """
    return labelled(kept_of(path, bad)[0], likes_threshold, min_age)


def kept_of(path: Path, bad: BadRows) -> tuple[list[RawTweet], Counter[str]]:
    """The file's English originals, and how many tweets were left out by reason, as the store counts them.

    Raises UsageError if it cannot be read or holds none.
    """
    tweets, again = _once(read_tweets(path, bad))
    kept, left_out = filtered(tweets)
    if again:
        left_out["duplicate"] += again
    if not kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        also = f", {left_out.total()} tweets left out ({reasons})" if reasons else ""
        raise UsageError(
            f"no usable tweet in {path}: {summary(bad.by_reason)}{also}; give a file of Twint, snscrape or X's API"
        )
    return kept, left_out


def _once(tweets: Iterable[RawTweet]) -> tuple[list[RawTweet], int]:
    """A tweet collected several times counts once, with the most likes, as in the store; how many are left out so."""
    found: dict[str, RawTweet] = {}
    again = 0
    for tweet in tweets:
        again += tweet.external_id in found
        known = found.setdefault(tweet.external_id, tweet)
        if tweet.like_count > known.like_count:
            found[tweet.external_id] = tweet
    return list(found.values()), again
