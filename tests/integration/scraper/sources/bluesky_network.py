"""Make what Jetstream sends about posts: their creation, their likes, and deletions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.integration.scraper.sources.expected_posts import MIN_AGE, ExpectedPost
from tests.jetstream_server import Event

DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
MINUTE = timedelta(minutes=1)


def to_microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def make_tid(at: datetime, number: int = 0) -> str:
    """Make a record key: the time and a number under 1,024 in base 32."""
    value = (to_microseconds(at) << 10) | number
    return "".join(DIGITS[(value >> shift) & 31] for shift in range(60, -5, -5))


def make_did(number: int) -> str:
    """Make one of seven."""
    return f"did:plc:author{number % 7}"


def make_address(post: ExpectedPost) -> str:
    """Make a post's at-uri."""
    return f"at://{make_did(post.number)}/app.bsky.feed.post/{make_tid(post.at, post.number)}"


def make_post_event(post: ExpectedPost, **changes: Any) -> Event:
    """Make a post's creation, with the link cut short as the app does it."""
    link = f"https://example.com/{post.number}"
    before = post.text.replace(link, "")
    start = len(before.encode())
    shown = f"example.com/{post.number}"
    record: dict[str, Any] = {
        "$type": "app.bsky.feed.post",
        "createdAt": f"{post.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "langs": ["en"],
        "text": before + shown,
        "facets": [
            {
                "index": {"byteStart": start, "byteEnd": start + len(shown)},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": link}],
            }
        ],
    }
    if post.photos:
        images = [{"alt": "", "image": {}}] * post.photos
        record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
    if post.is_reply:
        parent = {"cid": "c", "uri": f"at://did:plc:other/app.bsky.feed.post/{make_tid(post.at)}"}
        record["reply"] = {"root": parent, "parent": parent}
    rkey = make_tid(post.at, post.number)
    return _commit(make_did(post.number), post.at, "app.bsky.feed.post", rkey, record | changes)


def make_like_event(
    post: ExpectedPost, number: int, at: datetime, collection: str = "app.bsky.feed.like"
) -> Event:
    """Make the `number`th reader's like of a post, or repost."""
    record = {
        "$type": collection,
        "createdAt": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        "subject": {"uri": make_address(post)},
    }
    return _commit(f"did:plc:reader{number}", at, collection, make_tid(at, post.number), record)


def make_deletion_event(event: Event, at: datetime) -> Event:
    """Make the deletion of what an event created."""
    commit = {key: event["commit"][key] for key in ("rev", "collection", "rkey")}
    return {
        "did": event["did"],
        "time_us": to_microseconds(at),
        "kind": "commit",
        "commit": commit | {"operation": "delete"},
    }


def make_account_deletion(did: str, at: datetime) -> Event:
    """Make the event of an author who left."""
    account = {"active": False, "did": did, "status": "deleted"}
    return {"did": did, "time_us": to_microseconds(at), "kind": "account", "account": account}


def make_time_event(at: datetime) -> Event:
    """Make an event that says nothing but the time."""
    return {"did": "did:plc:someone", "time_us": to_microseconds(at), "kind": "identity", "identity": {}}


def make_events(posts: Iterable[ExpectedPost]) -> list[Event]:
    """Make each post, its likes in the minutes after it, and others until they had their day, in order of time."""
    posts = list(posts)
    events = [make_post_event(post) for post in posts]
    events += [
        make_like_event(post, n, post.at + (n + 1) * MINUTE) for post in posts for n in range(post.likes)
    ]
    first, last = min(post.at for post in posts), max(post.at for post in posts)
    ticks = (last - first + MIN_AGE) // (5 * MINUTE)
    events += [make_time_event(first + n * 5 * MINUTE) for n in range(1, ticks)]
    events.append(
        make_time_event((last + timedelta(days=1)).replace(hour=0, minute=0, second=0) + MIN_AGE + 5 * MINUTE)
    )
    return sorted(events, key=lambda event: event["time_us"])


def _commit(did: str, at: datetime, collection: str, rkey: str, record: dict[str, Any]) -> Event:
    return {
        "did": did,
        "time_us": to_microseconds(at),
        "kind": "commit",
        "commit": {
            "rev": make_tid(at),
            "operation": "create",
            "collection": collection,
            "rkey": rkey,
            "record": record,
            "cid": "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi",
        },
    }
