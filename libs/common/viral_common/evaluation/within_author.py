"""Score whether a model tells one author's tweets apart, as who asks about drafts wants to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import median

import numpy as np
from numpy.typing import NDArray

from viral_common.evaluation.intervals import estimate_mean_interval
from viral_common.evaluation.scores import Floats
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import LabelledTweet, stack_authors

# Tweets further apart were posted to other followers.
APART = timedelta(days=7)
# An author whose tweets usually get so many likes is large; of its tweets nearly all are viral, but some much more so.
LARGE, TIMES_AS_MANY = 20, 2
# Fewer authors than this say nothing.
FEWEST_AUTHORS = 20
# Pairs compared at once: bounds the memory, however many tweets one author has.
_AT_ONCE = 1 << 20

Rows = NDArray[np.intp]


def freeze_authors(tweets: Sequence[LabelledTweet]) -> list[LabelledTweet]:
    """Take the tweets of authors with a pair to compare, each with what was known of its author at their earliest.

    What is known later tells the likes of the earlier ones, and so ranks a pair by its order.
    """
    authors = stack_authors(tweets)
    paired = np.unique(
        np.concatenate([np.array([], np.intp), *(authors[rows] for _, rows, _ in find_pairs(tweets))])
    )
    taken = [tweet for tweet, is_paired in zip(tweets, np.isin(authors, paired), strict=True) if is_paired]
    earliest: dict[str, TweetInput] = {}
    for tweet in sorted(taken, key=lambda tweet: tweet.input.created_at):
        earliest.setdefault(tweet.author_id, tweet.input)
    return [
        replace(tweet, input=replace(tweet.input, username=at.username, author=at.author, profile=at.profile))
        for tweet, at in ((tweet, earliest[tweet.author_id]) for tweet in taken)
    ]


def compute_within_author(
    tweets: Sequence[LabelledTweet], probabilities: Floats, log_likes: Floats | None = None
) -> dict[str, float]:
    """Compute how often the better of two tweets by one author scores higher, ties half, with intervals by author.

    `tweets` are those of `freeze_authors`, both scores of shape (tweets,). `within_author_auc` is of pairs of which one
    is viral, `within_large_auc` of pairs by large authors of which one has twice the likes, by `log_likes` if they are
    given. Every author weighs the same: pairs grow with the square of tweets, and pooled a few busy accounts would
    decide. Figures of too few authors are left out.
    """
    authors = stack_authors(tweets)
    count = int(authors.max(initial=-1)) + 1
    scores = {
        "within_author": probabilities,
        "within_large": probabilities if log_likes is None else log_likes,
    }
    won, pairs = ({name: np.zeros(count) for name in scores} for _ in range(2))
    for name, better, worse in find_pairs(tweets):
        ahead = scores[name][better] - scores[name][worse]
        won[name] += np.bincount(authors[better], (np.sign(ahead) + 1) / 2, count)
        pairs[name] += np.bincount(authors[better], minlength=count)
    figures: dict[str, float] = {}
    for name in scores:
        known = pairs[name] > 0
        if (number := int(known.sum())) >= FEWEST_AUTHORS:
            shares = won[name][known] / pairs[name][known]
            low, high = estimate_mean_interval(shares, np.arange(number))
            figures |= {f"{name}_auc": float(shares.mean()), f"{name}_auc_low": low, f"{name}_auc_high": high}
            figures[f"{name}_authors"] = float(number)
    return figures


def find_pairs(tweets: Sequence[LabelledTweet]) -> Iterator[tuple[str, Rows, Rows]]:
    """Find the pairs, in blocks: the figure they belong to, the rows of the better tweets, those of the worse."""
    authors = stack_authors(tweets)
    viral = np.array([tweet.viral for tweet in tweets], dtype=np.bool_)
    likes = np.array([tweet.like_count for tweet in tweets], dtype=np.int64)
    times = np.array([int(tweet.input.created_at.timestamp()) for tweet in tweets], dtype=np.int64)
    own_likes = np.split(likes[np.argsort(authors, kind="stable")], np.cumsum(np.bincount(authors))[:-1])
    large = np.array([len(own) > 1 and median(own) >= LARGE for own in own_likes], dtype=np.bool_)
    for one, other in _pair_neighbours(authors, times):
        ahead = likes[one] > likes[other]
        better, worse = np.where(ahead, one, other), np.where(ahead, other, one)
        differ = viral[better] != viral[worse]
        yield "within_author", better[differ], worse[differ]
        twice = (likes[better] >= TIMES_AS_MANY * likes[worse]) & (likes[better] > 0)
        differ = large[authors[better]] & twice
        yield "within_large", better[differ], worse[differ]


def _pair_neighbours(authors: Rows, times: NDArray[np.int64]) -> Iterator[tuple[Rows, Rows]]:
    """Pair each tweet with the author's later ones that are not too far apart; rows, a block at a time."""
    order = np.lexsort((times, authors))
    within = int(APART.total_seconds())
    times = times - times.min(initial=0)
    # No other author's key is within reach.
    keys = (authors * (int(times.max(initial=0)) + within + 1) + times)[order]
    later = np.searchsorted(keys, keys + within, side="right") - np.arange(len(keys)) - 1
    ends = np.cumsum(later)
    start = 0
    while start < len(keys):
        done = int(ends[start] - later[start])
        stop = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
        counts = later[start:stop]
        one = np.repeat(np.arange(start, stop), counts)
        step = np.arange(len(one)) - np.repeat(ends[start:stop] - counts - done, counts) + 1
        yield order[one], order[one + step]
        start = stop
