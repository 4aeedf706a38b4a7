"""Which tweets are worth learning from. Duplicates need the database: they are found when a batch is stored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from viral_common.tweets.text import LINK, MENTION, around_links
from viral_common.tweets.tweet import RawTweet

Reason = Literal["retweet", "reply", "language", "empty", "sponsored"]

ENGLISH = "en"
# What the rules of advertising ask paid posts to carry; sources do not say which posts were paid for.
_PAID = re.compile(r"#(?:ad|advert|advertisement|sponsored|sponsoredpost|paidpartnership)\b", re.IGNORECASE)


def reason_against(tweet: RawTweet) -> Reason | None:
    """Why this tweet is left out; None if it is an unpaid English original with something to read in it."""
    if tweet.is_retweet:
        return "retweet"
    if tweet.is_reply:
        return "reply"
    language = tweet.language
    if language and language != ENGLISH and language.partition("-")[0].lower() != ENGLISH:
        return "language"
    if _only_links(tweet.text):
        return "empty"
    if not language and not is_english(tweet.text):
        return "language"
    return "sponsored" if "#" in tweet.text and _PAID.search(tweet.text) else None


def _only_links(text: str) -> bool:
    """True for the empty text too. Nearly every text begins with a word, and is done then."""
    text = text.strip()
    return not text or (LINK.match(text) is not None and not LINK.sub("", text).strip())


def filtered(tweets: Iterable[RawTweet]) -> tuple[list[RawTweet], Counter[str]]:
    """The tweets to keep, and how many were left out by reason."""
    kept: list[RawTweet] = []
    left_out: Counter[str] = Counter()
    for tweet in tweets:
        if reason := reason_against(tweet):
            left_out[reason] += 1
        else:
            kept.append(tweet)
    return kept, left_out


def is_english(text: str) -> bool:
    """True if English is the likeliest of 140 languages. The first call reads the model."""
    # Imported here: the model takes 100 MB and most of a second, which only sources without languages should cost.
    import py3langid

    return str(py3langid.classify(MENTION.sub("", " ".join(around_links(text))))[0]) == "en"
