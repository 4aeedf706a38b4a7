"""Read tweets as X's API v1.1 gave them, one a line; of a long one the whole text lies in `extended_tweet`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from viral_common.archive.bad_rows import BadRow
from viral_common.archive.fields import (
    find_posted_at,
    get_count,
    get_identity,
    get_list,
    get_object,
    get_optional_text,
    get_text,
    read_profile,
    unescape,
)
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import clean
from viral_common.tweets.tweet import RawTweet

Row = Mapping[str, Any]
PROFILE = (
    "followers_count",
    "friends_count",
    "statuses_count",
    "favourites_count",
    "listed_count",
    "created_at",
)
LONGEST_TIME = 40  # characters; usual are 30
_MONTHS = {
    name: f"{place + 1:02}"
    for place, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    )
}
_TWEET_ID = re.compile(r"/status/(\d+)")


class Reference(TypedDict, total=False):
    """Describe the other tweet that a row holds whole: only that there is one matters."""

    id: Any


class Entities(TypedDict, total=False):
    """Describe what a text holds."""

    media: Any
    urls: Any


class LongText(TypedDict, total=False):
    """Describe the whole of a text that was cut."""

    full_text: Any
    entities: Entities | None
    extended_entities: Entities | None


class User(TypedDict, total=False):
    """Describe an author."""

    id: Any
    id_str: Any
    screen_name: Any
    verified: Any
    followers_count: Any
    friends_count: Any
    statuses_count: Any
    favourites_count: Any
    listed_count: Any
    created_at: Any


class V1Row(TypedDict, total=False):
    """Describe the fields that are used: reading no others takes a third of the time."""

    id: Any
    id_str: Any
    user: User | None
    extended_tweet: LongText | None
    full_text: Any
    text: Any
    entities: Entities | None
    extended_entities: Entities | None
    quoted_status_id: Any
    quoted_status_id_str: Any
    created_at: Any
    lang: Any
    favorite_count: Any
    retweet_count: Any
    reply_count: Any
    is_quote_status: Any
    in_reply_to_status_id: Any
    in_reply_to_status_id_str: Any
    in_reply_to_user_id_str: Any
    retweeted_status: Reference | None


def read_v1_tweet(row: Row) -> RawTweet:
    """Read the tweet in a row. Raises BadRow with the reason."""
    external_id = get_identity(row.get("id_str") or row.get("id"), "id")
    user, long = get_object(row, "user"), get_object(row, "extended_tweet")
    typed = get_text(long.get("full_text") or row.get("full_text") or row.get("text"), "text")
    entities = get_object(long or row, "entities")
    shown = get_object(long or row, "extended_entities") or entities
    media = [one for one in get_list(shown.get("media"), "media") if isinstance(one, Mapping)]
    kinds = [one.get("type") for one in media]
    # A text that is cut ends with a link to the whole of it.
    tweets = {str(external_id), str(row.get("quoted_status_id_str") or row.get("quoted_status_id"))}
    own_links = {str(one.get("url")) for one in media} | {
        str(url.get("url"))
        for url in get_list(entities.get("urls"), "urls")
        if isinstance(url, Mapping) and tweets.intersection(_TWEET_ID.findall(str(url.get("expanded_url"))))
    }
    written = parse_v1_time(row.get("created_at"), "created_at")
    return RawTweet(
        external_id=str(external_id),
        posted_at=find_posted_at(external_id, written),
        author_id=str(get_identity(user.get("id_str") or user.get("id"), "user.id")),
        username=clean(get_text(user.get("screen_name"), "user.screen_name")),
        text=_strip_own_links(unescape(typed), own_links),
        language=get_optional_text(row.get("lang"), "lang"),
        like_count=get_count(row.get("favorite_count"), "favorite_count"),
        retweet_count=get_count(row.get("retweet_count"), "retweet_count"),
        # Only what X sold says how often a tweet was replied to.
        reply_count=get_count(row.get("reply_count") or 0, "reply_count"),
        photos_count=kinds.count("photo"),
        has_video="video" in kinds or "animated_gif" in kinds,
        is_quote=bool(row.get("is_quote_status")),
        is_reply=any(row.get(f"in_reply_to_{of}") for of in ("status_id", "status_id_str", "user_id_str")),
        is_retweet=bool(row.get("retweeted_status")) or typed.startswith("RT @"),
    )


def read_v1_profile(row: Row, refuse: Callable[[str], None]) -> AuthorProfile | None:
    """Read the author's profile in a row that holds a tweet."""
    return read_profile(row["user"], PROFILE, refuse, parse_time=parse_v1_time)


def parse_v1_time(value: object, name: str) -> datetime:
    """Read `Sat Nov 25 19:04:10 +0000 2017`."""
    if not isinstance(value, str) or len(value) > LONGEST_TIME:
        raise BadRow(f"{name} is no text")
    try:
        _, month, day, time, zone, year = value.split(" ")
        return datetime.fromisoformat(f"{year}-{_MONTHS[month]}-{day} {time}{zone}")
    except (ValueError, KeyError) as error:
        raise BadRow("impossible date") from error


def _strip_own_links(text: str, own: set[str]) -> str:
    """Strip the links that the site appended."""
    text = text.strip()
    while (start := text.rfind("http")) >= 0 and text[start:] in own:
        text = text[:start].rstrip()
    return clean(text)
