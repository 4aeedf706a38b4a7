"""Name for people what is measured."""

from __future__ import annotations

_FEATURES = {
    "created_at_dayofweek": "weekday",
    "created_at_hour": "hour",
    "is_quote_tweet": "quotes a tweet",
    "hashtags_count": "hashtags",
    "mentions_count": "mentions",
    "word_count": "words",
    "photos_count": "photos",
    "has_video": "has a video",
    "urls_count": "links",
    "author_known": "author is known",
    "author_tweets": "author’s earlier tweets",
    "author_viral_share": "author’s viral share",
    "author_likes": "author’s mean log likes",
    "profile_known": "profile is known",
    "author_followers": "author’s followers (log)",
    "author_following": "accounts the author follows (log)",
    "author_posts": "author’s posts (log)",
    "author_favourites": "likes the author gave (log)",
    "author_listed": "lists the author is on (log)",
    "author_verified": "author is verified",
    "author_age": "account’s age (log days)",
    "author_followers_to_following": "followers to following (log)",
    "author_favourites_to_posts": "likes given to posts (log)",
    "like_count": "likes",
    "probability": "predicted probability",
}


def name_feature(name: str) -> str:
    """Name it in a few words; a feature that nobody has named yet keeps its own name, without the underscores."""
    return _FEATURES.get(name) or name.replace("_", " ")


def is_yes_or_no(name: str) -> bool:
    """Say whether a feature's values 0 and 1 mean no and yes."""
    return name.startswith(("is_", "has_"))
