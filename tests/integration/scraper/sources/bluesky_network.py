"""What Jetstream says about posts: their creation, their likes, and what is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.integration.scraper.sources.expected_posts import MIN_AGE, Said
from tests.jetstream_server import Event

DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
MINUTE = timedelta(minutes=1)


def microseconds(at: datetime) -> int:
    """Since 1970."""
    return round(at.timestamp() * 1e6)


def tid(at: datetime, number: int = 0) -> str:
    """A record key: the time and a number under 1,024 in base 32."""
    value = (microseconds(at) << 10) | number
    return "".join(DIGITS[(value >> shift) & 31] for shift in range(60, -5, -5))


def author(number: int) -> str:
    """One of seven."""
    return f"did:plc:author{number % 7}"


def address(said: Said) -> str:
    """A post's at-uri."""
    return f"at://{author(said.number)}/app.bsky.feed.post/{tid(said.at, said.number)}"


def posted(said: Said, **changes: Any) -> Event:
    """Its creation, with the link cut short as the app does it."""
    link = f"https://example.com/{said.number}"
    before = said.text.replace(link, "")
    start = len(before.encode())
    shown = f"example.com/{said.number}"
    record: dict[str, Any] = {
        "$type": "app.bsky.feed.post",
        "createdAt": f"{said.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "langs": ["en"],
        "text": before + shown,
        "facets": [
            {
                "index": {"byteStart": start, "byteEnd": start + len(shown)},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": link}],
            }
        ],
    }
    if said.photos:
        images = [{"alt": "", "image": {}}] * said.photos
        record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
    if said.is_reply:
        parent = {"cid": "c", "uri": f"at://did:plc:other/app.bsky.feed.post/{tid(said.at)}"}
        record["reply"] = {"root": parent, "parent": parent}
    rkey = tid(said.at, said.number)
    return _commit(author(said.number), said.at, "app.bsky.feed.post", rkey, record | changes)


def liked(said: Said, number: int, at: datetime, collection: str = "app.bsky.feed.like") -> Event:
    """The `number`th reader's like of a post, or repost."""
    record = {
        "$type": collection,
        "createdAt": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        "subject": {"uri": address(said)},
    }
    return _commit(f"did:plc:reader{number}", at, collection, tid(at, said.number), record)


def taken_back(event: Event, at: datetime) -> Event:
    """The deletion of what an event created."""
    commit = {key: event["commit"][key] for key in ("rev", "collection", "rkey")}
    return {
        "did": event["did"],
        "time_us": microseconds(at),
        "kind": "commit",
        "commit": commit | {"operation": "delete"},
    }


def account_deleted(did: str, at: datetime) -> Event:
    """Its author left."""
    account = {"active": False, "did": did, "status": "deleted"}
    return {"did": did, "time_us": microseconds(at), "kind": "account", "account": account}


def later(at: datetime) -> Event:
    """Nothing but a sign that time went on."""
    return {"did": "did:plc:someone", "time_us": microseconds(at), "kind": "identity", "identity": {}}


def told(posts: Iterable[Said]) -> list[Event]:
    """Each post, its likes in the minutes after it, and the day that they need with its noise, in order of time."""
    posts = list(posts)
    events = [posted(said) for said in posts]
    events += [liked(said, n, said.at + (n + 1) * MINUTE) for said in posts for n in range(said.likes)]
    first, last = min(said.at for said in posts), max(said.at for said in posts)
    ticks = (last - first + timedelta(days=1) + MIN_AGE) // (5 * MINUTE)
    events += [later(first + n * 5 * MINUTE) for n in range(1, ticks)]
    events.append(
        later((last + timedelta(days=1)).replace(hour=0, minute=0, second=0) + MIN_AGE + 5 * MINUTE)
    )
    return sorted(events, key=lambda event: event["time_us"])


def _commit(did: str, at: datetime, collection: str, rkey: str, record: dict[str, Any]) -> Event:
    return {
        "did": did,
        "time_us": microseconds(at),
        "kind": "commit",
        "commit": {
            "rev": tid(at),
            "operation": "create",
            "collection": collection,
            "rkey": rkey,
            "record": record,
            "cid": "bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi",
        },
    }
