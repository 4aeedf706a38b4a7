"""Choose the tweets that are worth learning from; duplicates are found when a batch is stored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from viral_common.tweets.text import LINK, MENTION, split_around_links
from viral_common.tweets.tweet import RawTweet

Reason = Literal["retweet", "reply", "language", "empty", "sponsored"]

ENGLISH = "en"
# What the rules of advertising ask paid posts to carry; sources do not say which posts were paid for.
_PAID = re.compile(r"#(?:ad|advert|advertisement|sponsored|sponsoredpost|paidpartnership)\b", re.IGNORECASE)


def find_reason_against(tweet: RawTweet) -> Reason | None:
    """Find why this tweet is left out; None if it is an unpaid English original with something to read in it."""
    if tweet.is_retweet:
        return "retweet"
    if tweet.is_reply:
        return "reply"
    language = tweet.language
    if language and language != ENGLISH and language.partition("-")[0].lower() != ENGLISH:
        return "language"
    if _has_only_links(tweet.text):
        return "empty"
    if not language and not is_english(tweet.text):
        return "language"
    return "sponsored" if "#" in tweet.text and _PAID.search(tweet.text) else None


def _has_only_links(text: str) -> bool:
    """Say whether a text, maybe an empty one, has nothing but links. Nearly every one begins with a word."""
    text = text.strip()
    return not text or (LINK.match(text) is not None and not LINK.sub("", text).strip())


def filter_tweets(tweets: Iterable[RawTweet]) -> tuple[list[RawTweet], Counter[str]]:
    """Choose the tweets to keep, and count how many were left out by reason."""
    kept: list[RawTweet] = []
    left_out: Counter[str] = Counter()
    for tweet in tweets:
        if reason := find_reason_against(tweet):
            left_out[reason] += 1
        else:
            kept.append(tweet)
    return kept, left_out


def is_english(text: str) -> bool:
    """Say whether English is the likeliest of 140 languages. The first call reads the model."""
    # Imported here: the model takes 100 MB and most of a second, which only sources without languages should cost.
    import py3langid

    return str(py3langid.classify(MENTION.sub("", " ".join(split_around_links(text))))[0]) == "en"
