"""Read the originals of a file as the store would give them, for `compare` and `eda`, which need no database."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date
from math import log1p
from operator import attrgetter, itemgetter
from pathlib import Path

from viral_common.archive.bad_rows import BadRows, summarise_bad_rows
from viral_common.archive.reader import read_tweets
from viral_common.errors import UsageError
from viral_common.tweets.features import AuthorHistory, TweetInput
from viral_common.tweets.filters import filter_tweets
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import LabelledTweet, RawTweet


def read_originals(path: Path, bad: BadRows, rule: LabelRule) -> list[LabelledTweet]:
    """Read English originals in time order, each with its author's past and profile.

    Copies of a text stay, unlike in a batch. Raises UsageError if the file cannot be read or holds none.
    """
    return label_tweets(read_kept(path, bad)[0], rule)


def read_kept(path: Path, bad: BadRows) -> tuple[list[RawTweet], Counter[str]]:
    """Read the file's English originals; count the tweets left out by reason, as the store counts them.

    Raises UsageError if it cannot be read or holds none.
    """
    tweets, again = _deduplicate(read_tweets(path, bad))
    kept, left_out = filter_tweets(tweets)
    if again:
        left_out["duplicate"] += again
    if not kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        also = f", {left_out.total()} tweets left out ({reasons})" if reasons else ""
        raise UsageError(
            f"no usable tweet in {path}: {summarise_bad_rows(bad.by_reason)}{also}; "
            "give a file of Twint, snscrape or X's API"
        )
    return kept, left_out


def _deduplicate(tweets: Iterable[RawTweet]) -> tuple[list[RawTweet], int]:
    """Keep a tweet collected several times once, with the most likes, as the store does; count the others."""
    found: dict[str, RawTweet] = {}
    again = 0
    for tweet in tweets:
        again += tweet.external_id in found
        known = found.setdefault(tweet.external_id, tweet)
        if tweet.like_count > known.like_count:
            found[tweet.external_id] = tweet
    return list(found.values()), again


def label_tweets(tweets: Iterable[RawTweet], rule: LabelRule) -> list[LabelledTweet]:
    """Label those whose likes had time to come, in (posted_at, external_id) order, with their authors' past."""
    return [labelled for _, labelled in pair_with_labels(tweets, rule)]


def pair_with_labels(tweets: Iterable[RawTweet], rule: LabelRule) -> Iterator[tuple[RawTweet, LabelledTweet]]:
    """Pair the same tweets of one source with their labels, for who needs more of them."""
    ordered = sorted(tweets, key=lambda tweet: (tweet.posted_at, tweet.external_id))
    pasts, profiles = compute_histories(ordered, rule), find_profiles(ordered)
    for tweet, past, profile in zip(ordered, pasts, profiles, strict=True):
        if rule.is_mature(tweet.posted_at, tweet.counts_observed_at):
            viral = rule.is_viral(tweet.like_count)
            seen = _make_input(tweet, past, profile)
            yield tweet, LabelledTweet(seen, tweet.like_count, viral, tweet.author_id)


def compute_histories(tweets: Sequence[RawTweet], rule: LabelRule) -> list[AuthorHistory]:
    """Compute what was known of each tweet's author before it, in the tweets' order."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(tweets)), key=lambda place: tweets[place].posted_at):
        places[tweets[place].author_id].append(place)
    found = [AuthorHistory()] * len(tweets)
    for own in places.values():
        pasts = _follow_author([tweets[place] for place in own], rule)
        for place, past in zip(own, pasts, strict=True):
            found[place] = past
    return found


def _follow_author(own: Sequence[RawTweet], rule: LabelRule) -> Iterator[AuthorHistory]:
    """Follow one author's tweets in time order; what is known only ever grows, so each is looked at once."""
    earlier = old = settled = viral = 0
    log_likes = 0.0
    for tweet in own:
        while own[earlier].posted_at < tweet.posted_at:
            earlier += 1
        while (past := own[old]).posted_at <= tweet.posted_at - rule.settle:
            old += 1
            if rule.is_mature(past.posted_at, past.counts_observed_at):
                settled += 1
                viral += rule.is_viral(past.like_count)
                log_likes += log1p(past.like_count)
        yield AuthorHistory(earlier, settled, viral, log_likes)


def find_profiles(tweets: Sequence[RawTweet]) -> list[AuthorProfile | None]:
    """Find for each tweet its author's newest profile that was read no later than its counts were.

    A profile read nobody knows when counts as read together with the tweet's counts, or else when it was posted.
    """
    readings = []
    for tweet in tweets:
        if profile := tweet.profile:
            read_at = profile.read_at or tweet.counts_observed_at or tweet.posted_at
            readings.append((read_at, tweet.external_id, tweet.author_id, replace(profile, read_at=read_at)))
    # The earliest of a day (UTC) stays, as in the store.
    firsts: defaultdict[str, dict[date, AuthorProfile]] = defaultdict(dict)
    for read_at, _, author, profile in sorted(readings, key=itemgetter(0, 1)):
        firsts[author].setdefault(read_at.astimezone(UTC).date(), profile)
    kept = {author: list(days.values()) for author, days in firsts.items()}
    found: list[AuthorProfile | None] = []
    for tweet in tweets:
        own = kept.get(tweet.author_id, [])
        place = bisect_right(own, tweet.counts_observed_at or tweet.posted_at, key=attrgetter("read_at"))
        found.append(own[place - 1] if place else None)
    return found


def _make_input(tweet: RawTweet, author: AuthorHistory, profile: AuthorProfile | None) -> TweetInput:
    return TweetInput(
        tweet.text,
        tweet.posted_at,
        tweet.photos_count,
        tweet.has_video,
        tweet.is_quote,
        tweet.username,
        author,
        profile,
    )
