"""Sort Jetstream's events into what is to be stored. The wire: https://github.com/bluesky-social/jetstream."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import orjson
from viral_common.archive.fields import get_optional_text, get_text
from viral_common.tweets.filters import find_reason_against
from viral_common.tweets.text import clean
from viral_common.tweets.tweet import RawTweet

from viral_scraper.stores.streams import Kind, ReceivedEngagement, ReceivedPosts, hash_stream_key, to_moment

NAME = "bluesky"
POST = "app.bsky.feed.post"
KINDS: dict[str, Kind] = {"app.bsky.feed.like": "like", "app.bsky.feed.repost": "repost"}
COLLECTIONS = (POST, *KINDS)
LONGEST_ADDRESS = 600  # characters; usual are 70

# A deletion may overtake what it deletes by so much, and so many are remembered.
LATE_US = 60_000_000
MOST_DELETIONS = 200_000
# A post says itself when it was written; one that was imported or predated is not followed.
CLOCK_SKEW_US = 600_000_000
# A later event would move the cursor to a time from which nothing is ever sent.
MOST_AHEAD_US = 300_000_000

# A record's key is its time: microseconds << 10 in base 32 (https://atproto.com/specs/tid).
_TID_DIGITS = str.maketrans("234567abcdefghijklmnopqrstuvwxyz", "0123456789abcdefghijklmnopqrstuv")


class EventSorter:
    """Sort events one by one, in nearly any order, any number of times, into `ReceivedPosts`."""

    def __init__(self, share: float, min_age: timedelta, bad: Counter[str]) -> None:
        self._bad = bad
        self.received_any = False
        self._below = int(share * 2**32)
        self._followed_us = round(min_age.total_seconds() * 1e6) + CLOCK_SKEW_US
        self._deleted: dict[int, int] = {}
        self._received = ReceivedPosts()

    def take(self, message: bytes) -> int:
        """Sort in one event; returns its time in microseconds, 0 if it is unreadable."""
        self._received.count += 1
        self.received_any = True
        try:
            event = orjson.loads(message)
            time_us: int = event["time_us"]
            if type(time_us) is not int or not 0 < time_us <= time.time_ns() // 1000 + MOST_AHEAD_US:
                self._bad["events of an impossible time, such as tomorrow's"] += 1
                return 0
            if event["kind"] == "commit":
                self._commit(event["did"], time_us, event["commit"])
            elif event["kind"] == "account" and event["account"].get("status") == "deleted":
                self._received.deleted_authors.append(clean(event["did"]))
            self._received.cursor_us = max(self._received.cursor_us, time_us)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._bad[f"events of another shape ({type(error).__name__})"] += 1
            return 0
        return time_us

    def take_all(self) -> ReceivedPosts:
        """Take all that was sorted since the last call."""
        received, self._received = self._received, ReceivedPosts()
        self._forget_old_deletions(received.cursor_us)
        return received

    def _commit(self, did: str, time_us: int, commit: Mapping[str, Any]) -> None:
        collection, operation = commit["collection"], commit["operation"]
        record = _build_address(did, collection, commit["rkey"])
        if operation == "delete":
            self._delete(record, time_us, is_post=collection == POST)
        elif operation != "create":
            return
        elif kind := KINDS.get(collection):
            self._add_engagement(kind, record, time_us, commit["record"]["subject"]["uri"])
        elif collection == POST:
            if reply := commit["record"].get("reply"):
                self._add_engagement("reply", record, time_us, reply["parent"]["uri"])
            if self._is_followed(record, time_us):
                self._add_post(did, record, time_us, commit["record"])

    def _delete(self, record: str, time_us: int, *, is_post: bool) -> None:
        key = hash_stream_key(NAME, record)
        self._deleted[key] = time_us
        self._received.withdrawn.append(key)
        if is_post and self._is_sampled(record):
            self._received.deleted_posts.append(record)

    def _add_engagement(self, kind: Kind, record: str, time_us: int, post: str) -> None:
        if not self._is_followed(post, time_us):
            return
        key = hash_stream_key(NAME, record)
        if key not in self._deleted:
            self._received.engagements.append(
                ReceivedEngagement(key, hash_stream_key(NAME, post), kind, time_us)
            )

    def _add_post(self, did: str, record: str, time_us: int, content: Mapping[str, Any]) -> None:
        tweet = parse_tweet(did, record, content)
        if abs(tweet.posted_at - to_moment(time_us)) > timedelta(microseconds=CLOCK_SKEW_US):
            self._bad["posts that say they were written at another time"] += 1
        elif hash_stream_key(NAME, record) not in self._deleted:
            if find_reason_against(tweet) is None:
                self._received.posts.append(tweet)
            else:
                self._received.left_out.append(_drop_needless_text(tweet))

    def _is_sampled(self, post: str) -> bool:
        return crc32(post.encode()) < self._below

    def _is_followed(self, post: str, time_us: int) -> bool:
        """Tell whether a post is in the share, and young enough to be counted still; nothing is looked up for it."""
        return self._is_sampled(post) and time_us - _parse_written_us(post) <= self._followed_us

    def _forget_old_deletions(self, now_us: int) -> None:
        for key, time_us in list(self._deleted.items()):
            if len(self._deleted) <= MOST_DELETIONS and time_us >= now_us - LATE_US:
                break
            del self._deleted[key]


def parse_tweet(did: str, record: str, content: Mapping[str, Any]) -> RawTweet:
    """Parse a post without its counts. Authors go by their DID: the stream does not hold their handles."""
    embed = content.get("embed") or {}
    media = embed.get("media") or embed
    return RawTweet(
        external_id=record,
        posted_at=_parse_time(content["createdAt"]),
        author_id=did,
        username=did,
        text=get_optional_text(
            _restore_links(get_text(content["text"], "text"), content.get("facets") or []), "text"
        ),
        language=get_optional_text((content.get("langs") or [""])[0], "language"),
        like_count=0,
        retweet_count=0,
        reply_count=0,
        photos_count=len(media.get("images") or []),
        has_video=str(media.get("$type", "")).startswith("app.bsky.embed.video"),
        is_quote=str(embed.get("$type", "")).startswith("app.bsky.embed.record"),
        is_reply="reply" in content,
        is_retweet=False,
    )


def _restore_links(text: str, facets: list[Mapping[str, Any]]) -> str:
    """Restore links, which the app shortens in the text; facets hold the whole ones, at their places in UTF-8."""
    links = [
        (facet["index"]["byteStart"], facet["index"]["byteEnd"], feature["uri"])
        for facet in facets
        for feature in facet["features"]
        if feature.get("$type") == "app.bsky.richtext.facet#link"
    ]
    if not links:
        return text
    data, pieces, place = text.encode(), [], 0
    for start, end, uri in sorted(links):
        # Else a facet that ends before it begins would double the text, and forty of them fill the memory.
        if place <= start <= end <= len(data):
            pieces += [data[place:start], str(uri).encode()]
            place = end
    return b"".join([*pieces, data[place:]]).decode(errors="replace")


def _drop_needless_text(tweet: RawTweet) -> RawTweet:
    """Drop the text of a tweet that is left out, unless the reason may lie in it."""
    stated = tweet.is_reply or (tweet.language and tweet.language.partition("-")[0].lower() != "en")
    return replace(tweet, text="") if stated else tweet


def _build_address(did: str, collection: str, rkey: str) -> str:
    """Build a record's at-uri. Raises ValueError for one that no database would take."""
    record = f"at://{get_text(did, 'did')}/{collection}/{rkey}"
    if len(record) > LONGEST_ADDRESS or clean(record) != record:
        raise ValueError("no address of a record")
    return record


def _parse_written_us(post: str) -> int:
    """Parse the time in a post's address. Raises ValueError where its key is no time."""
    rkey = post.rpartition("/")[2]
    if len(rkey) != 13:
        raise ValueError("record key is no time")
    return int(rkey.translate(_TID_DIGITS), 32) >> 10


def _parse_time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
