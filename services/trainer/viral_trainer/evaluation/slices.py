"""Score tweets by kind: when posted, how long, what is attached, what is known of the author."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import NamedTuple

import numpy as np
from viral_common.artefact.training_summary import Slice
from viral_common.evaluation.intervals import Clusters, compute_intervals
from viral_common.evaluation.scores import Floats, Labels, compute_scores, has_enough_of_both
from viral_common.tweets.features import TweetInput, count_text
from viral_common.tweets.tweet import LabelledTweet, stack_authors, stack_labels

SHORT, LONG = 15, 30  # words
FOLLOWERS = (100, 1_000, 10_000)


class _Cut(NamedTuple):
    """Divide tweets into kinds: each belongs to `names[place(tweet)]`."""

    of: str
    names: tuple[str, ...]
    place: Callable[[TweetInput], int]


def _place_length(tweet: TweetInput) -> int:
    words = count_text(tweet.text).words
    return int(words >= SHORT) + int(words > LONG)


def _place_media(tweet: TweetInput) -> int:
    return 2 if tweet.has_video else int(tweet.photos_count > 0)


def _place_author(tweet: TweetInput) -> int:
    if tweet.author is None:
        return 0
    return 2 if tweet.author.tweets else 1


def _place_followers(tweet: TweetInput) -> int:
    followers = None if tweet.profile is None else tweet.profile.followers
    return 0 if followers is None else 1 + sum(followers >= least for least in FOLLOWERS)


CUTS = (
    _Cut(
        "hour (UTC)",
        ("0 to 5", "6 to 11", "12 to 17", "18 to 23"),
        lambda tweet: tweet.created_at.astimezone(UTC).hour // 6,
    ),
    _Cut("words", (f"under {SHORT}", f"{SHORT} to {LONG}", f"over {LONG}"), _place_length),
    _Cut("media", ("none", "photo", "video"), _place_media),
    _Cut("author", ("unknown", "never seen before", "seen before"), _place_author),
    _Cut(
        "followers",
        ("unknown", "under 100", "100 to 999", "1,000 to 9,999", "10,000 and more"),
        _place_followers,
    ),
)


def score_slices(tweets: Sequence[LabelledTweet], probabilities: Floats) -> tuple[Slice, ...]:
    """Score every kind that occurs, cut by cut; a kind with too few viral or other tweets, or authors, has no AUC."""
    labels, authors = stack_labels(tweets), stack_authors(tweets)
    found = []
    for cut in CUTS:
        places = np.array([cut.place(tweet.input) for tweet in tweets], dtype=np.intp)
        for place, name in enumerate(cut.names):
            rows = places == place
            if rows.any():
                found.append(_slice(cut.of, name, labels[rows], probabilities[rows], authors[rows]))
    return tuple(found)


def _slice(of: str, name: str, labels: Labels, probabilities: Floats, authors: Clusters) -> Slice:
    known = Slice(
        of=of,
        name=name,
        count=len(labels),
        viral_rate=float(labels.mean()),
        stated_rate=float(probabilities.mean()),
    )
    interval = compute_intervals(labels, probabilities, authors).get("auc")
    if interval is None or not has_enough_of_both(labels):
        return known
    auc = compute_scores(labels, probabilities)["auc"]
    return known.model_copy(update={"auc": auc, "auc_low": interval[0], "auc_high": interval[1]})
