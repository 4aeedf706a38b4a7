"""Read tweets as X's API v2 gives them: one a line, in a list, or in pages of `data` with `includes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from viral_common.archive.bad_rows import BadRow
from viral_common.archive.fields import (
    TWEET_ADDRESS,
    find_posted_at,
    get_count,
    get_identity,
    get_list,
    get_object,
    get_optional_text,
    get_text,
    parse_iso_time,
    read_profile,
    strip_last_links,
    unescape,
)
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import RawTweet

Row = Mapping[str, Any]
PROFILE = ("followers_count", "following_count", "tweet_count", "like_count", "listed_count", "created_at")


def read_page_rows(document: Row) -> Iterator[Row]:
    """Read a page's tweets, each with what the page includes about its author and media; a tweet alone is itself.

    Raises BadRow for a page without tweets that is none of an empty search.
    """
    if "data" not in document:
        if "meta" not in document and "errors" not in document:
            yield document
        elif "errors" in document:
            raise BadRow("an error of the API instead of tweets")
        return
    data, includes = document["data"], document.get("includes")
    includes = includes if isinstance(includes, Mapping) else {}
    users, media = _index_by(includes.get("users"), "id"), _index_by(includes.get("media"), "media_key")
    for row in data if isinstance(data, list) else [data]:
        if isinstance(row, Mapping):
            yield {**row, "_user": users.get(str(row.get("author_id"))), "_media": media}
        else:
            yield {}


def read_x_tweet(row: Row) -> RawTweet:
    """Read the tweet in a row. Raises BadRow with the reason."""
    external_id = get_identity(row.get("id"), "id")
    counts = get_object(row, "public_metrics")
    entities, attachments = get_object(row, "entities"), get_object(row, "attachments")
    references = get_list(row.get("referenced_tweets"), "referenced_tweets")
    related = [get_object({"of": one}, "of").get("type") for one in references]
    kinds = _list_media_kinds(get_list(attachments.get("media_keys"), "media_keys"), row.get("_media"))
    # Long posts carry their whole text, and its entities, beside the first 280 characters.
    note = get_object(row, "note_tweet")
    typed = get_text(note.get("text") or row.get("text"), "text")
    urls = get_list((get_object(note, "entities") or entities).get("urls"), "urls")
    user = get_object(row, "_user")
    return RawTweet(
        external_id=str(external_id),
        posted_at=find_posted_at(
            external_id, parse_iso_time(row["created_at"], "created_at") if row.get("created_at") else None
        ),
        author_id=str(get_identity(row.get("author_id"), "author_id")),
        username=get_optional_text(user.get("username"), "username"),
        text=_restore_typed_text(typed, urls, external_id, "quoted" in related),
        language=get_optional_text(row.get("lang"), "lang"),
        like_count=get_count(counts.get("like_count"), "like_count"),
        retweet_count=get_count(counts.get("retweet_count"), "retweet_count"),
        reply_count=get_count(counts.get("reply_count"), "reply_count"),
        photos_count=kinds.count("photo"),
        has_video="video" in kinds or "animated_gif" in kinds,
        is_quote="quoted" in related,
        is_reply="replied_to" in related,
        is_retweet="retweeted" in related or typed.startswith("RT @"),
    )


def read_x_profile(
    row: Row, refuse: Callable[[str], None], read_at: datetime | None = None
) -> AuthorProfile | None:
    """Read the profile of a tweet's author, if the page includes it."""
    user = row.get("_user") or {}
    counts = user.get("public_metrics")
    return read_profile({**user, **(counts if isinstance(counts, Mapping) else {})}, PROFILE, refuse, read_at)


def _restore_typed_text(text: str, urls: list[object], external_id: int, quoted: bool) -> str:
    """Strip the links to the tweet's own media and to the one it quotes, which stand at the end."""
    own = 0
    for url in urls:
        address = str(url.get("expanded_url") or "") if isinstance(url, Mapping) else ""
        own += f"/status/{external_id}/" in address or (quoted and TWEET_ADDRESS.match(address) is not None)
    # Several pictures share one link.
    links = {str(url.get("url")) for url in urls if isinstance(url, Mapping)}
    return strip_last_links(unescape(text).strip(), min(own, len(links), 2))


def _list_media_kinds(keys: list[object], media: Any) -> list[str]:
    """List what is attached; a key begins with its kind where the page does not include it: 3 photo, 7 and 13 video."""
    known = media if isinstance(media, Mapping) else {}
    kinds = {"3": "photo", "7": "video", "13": "video", "16": "animated_gif"}
    return [
        str(known.get(str(key), {}).get("type") or kinds.get(str(key).partition("_")[0], "")) for key in keys
    ]


def _index_by(items: Any, key: str) -> dict[str, Row]:
    return (
        {str(one.get(key)): one for one in items if isinstance(one, Mapping)}
        if isinstance(items, list)
        else {}
    )
