"""Read rows that Twint wrote, in every vintage, as tweets.

The vintages differ in: lists as lists or as text ("['a']"), times as epoch milliseconds or as local time with a
local zone name, t.co links or whole addresses, `pic.twitter.com`, which links of the site stand in the text, and
whether there is a language.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from viral_common.archive.bad_rows import BadRow
from viral_common.archive.fields import (
    find_posted_at,
    get_count,
    get_identity,
    get_list,
    get_optional_text,
    get_text,
    require,
    restore_typed_text,
)
from viral_common.tweets.text import clean
from viral_common.tweets.tweet import RawTweet

_LOCAL_TIME = "2022-03-01 12:00:00"  # and the name of its zone behind
_ZONE = re.compile(r"[+-]\d{4}")
_ZONES_OF_UTC = (" UTC", " GMT")
LONGEST_TIME = 100  # characters, the name of a zone included


class TwintRow(msgspec.Struct, gc=False):
    """The fields that are used, of any type as yet: reading no others takes a quarter of the time."""

    id: Any = None
    conversation_id: Any = None
    created_at: Any = None
    timezone: Any = None
    user_id: Any = None
    username: Any = None
    tweet: Any = None
    language: Any = None
    urls: Any = None
    photos: Any = None
    replies_count: Any = None
    retweets_count: Any = None
    likes_count: Any = None
    retweet: Any = None
    quote_url: Any = None
    video: Any = None
    reply_to: Any = None


def read_twint_tweet(row: TwintRow) -> RawTweet:
    """Read the tweet in a row of JSON or CSV. Raises BadRow with the reason."""
    external_id = get_identity(row.id, "id")
    typed = get_text(row.tweet, "tweet")
    photos = len(get_list(row.photos, "photos"))
    quoted = bool(row.quote_url)
    return RawTweet(
        external_id=str(external_id),
        posted_at=find_posted_at(external_id, _read_written_time(row.created_at, row.timezone)),
        author_id=str(get_identity(row.user_id, "user_id")),
        username=clean(get_text(row.username, "username")),
        text=restore_typed_text(typed, get_list(row.urls, "urls"), quoted),
        language=get_optional_text(row.language, "language"),
        like_count=get_count(row.likes_count, "likes_count"),
        retweet_count=get_count(row.retweets_count, "retweets_count"),
        reply_count=get_count(row.replies_count, "replies_count"),
        photos_count=photos,
        # Twint sets `video` for photos too.
        has_video=not photos and str(row.video) in ("1", "True"),
        is_quote=quoted,
        is_reply=(
            row.conversation_id != external_id
            and str(require(row.conversation_id, "conversation_id")) != str(external_id)
        )
        or (typed.startswith("@") and bool(get_list(row.reply_to, "reply_to"))),
        is_retweet=row.retweet is True or row.retweet == "True" or typed.startswith("RT @"),
    )


def _read_written_time(created_at: Any, timezone: Any) -> datetime | int | None:
    """Read the written time; None if there is none or its zone is a local name. Raises BadRow for an impossible one."""
    if created_at is None or created_at == "":
        return None
    if type(created_at) is int or isinstance(created_at, datetime):
        return created_at
    if not isinstance(created_at, str) or len(created_at) > LONGEST_TIME:
        raise BadRow("impossible date")
    if created_at.isdecimal() and len(created_at) < 16:
        return int(created_at)
    return _read_local_time(created_at, timezone if isinstance(timezone, str) else "")


def _read_local_time(created_at: str, timezone: str) -> datetime | None:
    time, zone = created_at[: len(_LOCAL_TIME)], created_at[len(_LOCAL_TIME) :]
    offset = "+0000" if zone in _ZONES_OF_UTC else timezone
    try:
        moment = datetime.fromisoformat(time + offset if _ZONE.fullmatch(offset) else time)
    except ValueError as error:
        raise BadRow("impossible date") from error
    if time[10:11] != " " or zone[:1] not in ("", " "):
        raise BadRow("impossible date")
    return moment if moment.tzinfo else None
