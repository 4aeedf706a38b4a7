"""What Postgres knows of the authors that callers name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from fastapi.concurrency import run_in_threadpool
from viral_common.errors import ServerAway
from viral_common.tweets.features import TweetInput
from viral_common.tweets.label_rule import LabelRule

from viral_gateway.prediction.author_cache import AuthorCache
from viral_gateway.serving.champion import Serving

log = structlog.get_logger()


async def with_authors(
    authors: AuthorCache, min_age: timedelta, serving: Serving, tweets: Sequence[TweetInput]
) -> list[TweetInput]:
    """The tweets, each with the history of its username before its time; as they were while Postgres is away."""
    named = [place for place, tweet in enumerate(tweets) if tweet.username]
    told = list(tweets)
    if not named:
        return told
    spec = serving.scorer.spec
    asked = [(tweets[place].username or "", tweets[place].created_at) for place in named]
    try:
        histories = await run_in_threadpool(
            authors.histories,
            spec.training.source,
            asked,
            LabelRule(spec.likes_threshold, min_age),
        )
    except ServerAway as error:
        log.warning("authors not looked up", reason=str(error))
        return told
    for place, history in zip(named, histories, strict=True):
        told[place] = replace(tweets[place], author=history)
    return told
