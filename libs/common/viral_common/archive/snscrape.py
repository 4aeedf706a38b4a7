"""Read rows that snscrape wrote, before and after it renamed `content` to `rawContent`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from viral_common.archive.bad_rows import BadRow
from viral_common.archive.fields import (
    find_posted_at,
    get_count,
    get_identity,
    get_list,
    get_optional_text,
    get_text,
    parse_iso_time,
    read_profile,
    restore_typed_text,
)
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import clean
from viral_common.tweets.tweet import RawTweet

PROFILE = ("followersCount", "friendsCount", "statusesCount", "favouritesCount", "listedCount", "created")


class Reference(TypedDict, total=False):
    """Describe the other tweet that a row holds whole: only that there is one matters."""

    id: Any


class User(TypedDict, total=False):
    """Describe an author."""

    id: Any
    username: Any
    verified: Any
    followersCount: Any
    friendsCount: Any
    statusesCount: Any
    favouritesCount: Any
    listedCount: Any
    created: Any


class SnscrapeRow(TypedDict, total=False):
    """Describe the fields that are used: reading no others takes half of the time."""

    id: Any
    conversationId: Any
    date: Any
    user: User | None
    rawContent: Any
    content: Any
    lang: Any
    likeCount: Any
    retweetCount: Any
    replyCount: Any
    media: Any
    links: Any
    outlinks: Any
    quotedTweet: Reference | None
    retweetedTweet: Reference | None
    inReplyToTweetId: Any
    inReplyToUser: Any


def read_snscrape_tweet(row: Mapping[str, Any]) -> RawTweet:
    """Read the tweet in a row. Raises BadRow with the reason."""
    external_id = get_identity(row.get("id"), "id")
    user = row.get("user")
    if not isinstance(user, Mapping):
        raise BadRow("no user" if user is None else "user is no object")
    typed = get_text(row.get("rawContent", row.get("content")), "content")
    media = [
        str(one.get("_type")) if isinstance(one, Mapping) else ""
        for one in get_list(row.get("media"), "media")
    ]
    links = row.get("links", row.get("outlinks"))
    quoted = bool(row.get("quotedTweet"))
    return RawTweet(
        external_id=str(external_id),
        posted_at=find_posted_at(external_id, parse_iso_time(row.get("date"), "date")),
        author_id=str(get_identity(user.get("id"), "user.id")),
        username=clean(get_text(user.get("username"), "user.username")),
        text=restore_typed_text(typed, [_find_address(link) for link in get_list(links, "outlinks")], quoted),
        language=get_optional_text(row.get("lang"), "lang"),
        like_count=get_count(row.get("likeCount"), "likeCount"),
        retweet_count=get_count(row.get("retweetCount"), "retweetCount"),
        reply_count=get_count(row.get("replyCount"), "replyCount"),
        photos_count=sum(kind.endswith("Photo") for kind in media),
        has_video=any(kind.endswith(("Video", "Gif")) for kind in media),
        is_quote=quoted,
        # Of an answer to what is deleted only the conversation tells.
        is_reply=bool(row.get("inReplyToTweetId") or row.get("inReplyToUser"))
        or str(row.get("conversationId") or external_id) != str(external_id),
        is_retweet=bool(row.get("retweetedTweet")) or typed.startswith("RT @"),
    )


def read_snscrape_profile(row: Mapping[str, Any], refuse: Callable[[str], None]) -> AuthorProfile | None:
    """Read the author's profile in a row that holds a tweet."""
    return read_profile(row["user"], PROFILE, refuse)


def _find_address(link: object) -> object:
    return link.get("url") if isinstance(link, Mapping) else link
