"""A Jetstream server with events like the network's: mostly likes, of posts of the last hours."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import orjson
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.integration.scraper.sources.bluesky_network import DIGITS

# Shares of creations and deletions; the public network's mix varies by hour.
MIX = {"like": 0.66, "unlike": 0.06, "repost": 0.10, "post": 0.12, "reply": 0.06}
POSTS_AT_ONCE = 50_000


def messages(count: int) -> tuple[list[bytes], int]:
    """Events a hundred microseconds apart that end now; the last one's time."""
    draw = random.Random(1)
    now_us = int(time.time() * 1e6)
    start_us = now_us - count * 100
    posts = [_post(draw, start_us - draw.randrange(3_600_000_000)) for _ in range(POSTS_AT_ONCE)]
    kinds = draw.choices(list(MIX), list(MIX.values()), k=count)
    return [_message(draw, kind, start_us + n * 100, posts) for n, kind in enumerate(kinds)], start_us + (
        count - 1
    ) * 100


def _message(draw: random.Random, kind: str, at_us: int, posts: list[str]) -> bytes:
    did, rkey = f"did:plc:{draw.getrandbits(110):024x}", _tid(at_us)
    commit: dict[str, Any] = {"rev": rkey, "rkey": rkey, "operation": "create", "cid": "bafyrei" + "a" * 52}
    created_at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at_us / 1e6))
    subject = {"cid": commit["cid"], "uri": draw.choice(posts)}
    if kind == "unlike":
        commit |= {"operation": "delete", "collection": "app.bsky.feed.like"}
    elif kind in ("like", "repost"):
        record = {"$type": f"app.bsky.feed.{kind}", "createdAt": created_at, "subject": subject}
        commit |= {"collection": f"app.bsky.feed.{kind}", "record": record}
    else:
        text = f"What I think of the matter, in {draw.randrange(10**6)} words or so, more or less. " * 2
        record = {"$type": "app.bsky.feed.post", "createdAt": created_at, "text": text, "langs": ["en"]}
        if kind == "reply":
            record["reply"] = {"root": subject, "parent": subject}
        commit |= {"collection": "app.bsky.feed.post", "record": record}
        posts[draw.randrange(len(posts))] = f"at://{did}/app.bsky.feed.post/{rkey}"
    return orjson.dumps({"did": did, "time_us": at_us, "kind": "commit", "commit": commit})


def _post(draw: random.Random, at_us: int) -> str:
    return f"at://did:plc:{draw.getrandbits(110):024x}/app.bsky.feed.post/{_tid(at_us)}"


def _tid(at_us: int) -> str:
    return "".join(DIGITS[((at_us << 10) >> shift) & 31] for shift in range(60, -5, -5))


def main() -> None:
    """Say where and until when, then serve everyone from the beginning."""
    ready, last_us = messages(int(sys.argv[1]))

    def answer(connection: ServerConnection) -> None:
        try:
            for message in ready:
                connection.send(message, text=True)
            connection.recv()
        except ConnectionClosed:
            return

    with serve(answer, "127.0.0.1", 0, compression=None) as server:
        print(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe", last_us, flush=True)  # noqa: T201
        server.serve_forever()


if __name__ == "__main__":
    main()
