"""What comes over the network or in small files: events, dead letters, signers, keys, frames, pages of two sites."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
import structlog
from pika.spec import Basic, BasicProperties
from viral_common.bus.messages import Message
from viral_common.bus.operations import DeadLetter
from viral_common.delivery.service import decode
from viral_common.errors import SignatureError, SignersUnreadable, UsageError
from viral_common.events import EVENT_TYPES, wrap_event
from viral_common.signing.signers_file import read_signers
from viral_common.tweets.text import clean
from viral_gateway.keys_file import read_keys
from viral_scraper.sources.bluesky.appview import AppView
from viral_scraper.sources.bluesky.events import MOST_AHEAD_US, EventSorter, parse_tweet
from viral_scraper.sources.bluesky.stream import LARGEST_EVENT
from viral_scraper.sources.limits import MOST_BYTES, MOST_VALUES, ReplyRefused
from viral_scraper.sources.mastodon import MastodonSource
from viral_scraper.sources.retries import SourceAway
from viral_scraper.sources.x.api import XApi

from docs.event_examples import EVENT_ROUTES
from tests.fuzz.archives import make_x_page
from tests.fuzz.mutators import mutate_bytes, mutate_json
from tests.integration.scraper.sources.appview_server import make_view
from tests.integration.scraper.sources.bluesky_network import (
    make_deletion_event,
    make_like_event,
    make_post_event,
)
from tests.integration.scraper.sources.expected_posts import ExpectedPost
from tests.signing import TRAINER, make_trust, write_signers

State = dict[str, Any]
DID = "did:plc:ada"
EVENT_ID, BATCH_ID, SHA256 = UUID(int=1), UUID(int=2), "a" * 64


def prepare(folder: Path) -> State:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])
    now = datetime.now(UTC)
    post = ExpectedPost(1, now, "Tea https://example.com/1", likes=0)
    like = make_like_event(post, 1, now)
    facet = {
        "index": {"byteStart": 4, "byteEnd": 9},
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/longer"}],
    }
    frames = [
        like,
        make_deletion_event(like, now),
        make_post_event(post, facets=[facet, facet], langs=["en"]),
    ]
    return {
        "events": [wrap_event(one.example, "fuzz").model_dump(mode="json") for one in EVENT_ROUTES.values()],
        "frames": frames,
        "trust": make_trust(folder),
        "signers": write_signers(folder / "signers").read_bytes(),
        "signature": json.loads(TRAINER.sign_artefact(SHA256, EVENT_ID, BATCH_ID)),
        "keys": f"ada admin {SHA256} 2099-01-01\n# notes\nbob read {'b' * 64} -\n".encode(),
    }


def run(rng: random.Random, state: State, folder: Path) -> str:
    return rng.choice(KINDS)(rng, state, folder)


def _read_event(rng: random.Random, state: State, _folder: Path) -> str:
    properties = _damage_properties(rng)
    body = mutate_json(rng, rng.choice(state["events"]))
    routing_key = rng.choice(("batch.collected", b"\xff", "\0", ""))
    message = Message.from_delivery(
        Basic.Deliver("tag", 1, False, "viral.events", routing_key), properties, body
    )
    for text in (message.message_id or "", message.routing_key):
        assert clean(text) == text
    letter = DeadLetter.from_message(message)
    for text in (letter.message_id, letter.queue, letter.reason, letter.service, letter.dead_lettered_at):
        assert clean(text) == text
    try:
        cloud_event, event = decode(message, rng.choice(list(EVENT_TYPES.values())))
    except ValueError as error:
        assert len(clean(str(error))[:2000].encode()) <= 8_000
        return "event refused"
    assert isinstance(cloud_event.id, UUID)
    assert isinstance(event.batch_id, UUID)
    return "event read"


def _damage_properties(rng: random.Random) -> BasicProperties:
    table = {
        "viral-replayed": True,
        "viral-reason": "of age",
        "viral-queue": "trainer",
        "n": [1, {"at": datetime.now(UTC)}],
    }
    sound = BasicProperties(message_id="0190", type="batch.collected", headers=table, timestamp=7)
    packed = b"".join(sound.encode())
    properties = BasicProperties()
    # Of whole frames: how long they are says the broker.
    properties.decode(packed[:2] + mutate_bytes(rng, packed[2:], 2) + bytes(8))
    return properties


def _read_signers(rng: random.Random, state: State, folder: Path) -> str:
    (folder / "signers.toml").write_bytes(mutate_bytes(rng, state["signers"]) * rng.choice((1, 1, 1, 2, 300)))
    try:
        read_signers(folder / "signers.toml")
    except SignersUnreadable as error:
        assert "\n" not in str(error)
        return "signers refused"
    return "signers read"


def _read_signature(rng: random.Random, state: State, _folder: Path) -> str:
    signature = mutate_json(rng, state["signature"])
    try:
        state["trust"].check_artefact(signature, SHA256, BATCH_ID, EVENT_ID)
    except SignatureError as error:
        assert "\n" not in str(error)
        return "signature refused"
    found = json.loads(signature)
    sound = state["signature"]
    assert found["statement"]["artifact_sha256"] == SHA256, "a forged signature"
    assert found["signature"] == sound["signature"], "a forged signature"
    return "signature read"


def _read_keys(rng: random.Random, state: State, folder: Path) -> str:
    (folder / "keys").write_bytes(mutate_bytes(rng, state["keys"]))
    try:
        read_keys(folder / "keys")
    except ValueError:
        return "keys refused"
    return "keys read"


def _receive_frames(rng: random.Random, state: State, _folder: Path) -> str:
    bad: Counter[str] = Counter()
    sorter = EventSorter(1.0, timedelta(hours=24), bad)
    for _ in range(5):
        frame = rng.choice(state["frames"])
        message = mutate_json(rng, frame) if rng.random() < 0.7 else json.dumps(frame).encode()
        if len(message) <= LARGEST_EVENT:  # the connection lets no larger one through
            sorter.take(message)
    received = sorter.take_all()
    assert 0 <= received.cursor_us <= time.time_ns() // 1000 + MOST_AHEAD_US
    for post in received.posts + received.left_out:
        assert len(post.text) <= 25_000
        for text in (post.text, post.external_id, post.author_id, post.language):
            assert clean(text) == text
        assert post.posted_at.tzinfo
    for text in received.deleted_authors + received.deleted_posts:
        assert clean(text) == text
    for engagement in received.engagements:
        assert 0 < engagement.at_us < 2**63
    return "frames left out" if bad else "frames taken"


class _Session(requests.Session):
    """Answer once with this, and then with nothing: each reply is to be judged, not all attempts together."""

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        super().__init__()
        self._body, self._headers = body, headers

    def request(self, *_: Any, **__: Any) -> requests.Response:
        if len(self._body) > MOST_BYTES or sum(map(self._body.count, b"{[,")) > MOST_VALUES:
            raise ReplyRefused
        reply = requests.Response()
        reply.status_code, reply._content, reply.url = 200, self._body, "http://127.0.0.1/"
        self._body = b""
        reply.headers.update(self._headers)
        return reply


def _read_x_page(rng: random.Random, _state: State, _folder: Path) -> str:
    api = XApi("http://127.0.0.1:1", "token", usernames=True, sleep=lambda _: None)
    limits = {
        "x-rate-limit-remaining": "0",
        "x-rate-limit-reset": rng.choice(("0", "x", "1e999", "nan", "-1")),
    }
    page = mutate_json(rng, make_x_page(rng.randrange(9)))
    api._client.session = _Session(page, rng.choice(({}, {}, limits)))
    bad: Counter[str] = Counter()
    try:
        found = api.search("tea", datetime.now(UTC), datetime.now(UTC), 10, None)
        for tweet in found.read_tweets(bad):
            assert clean(tweet.text) == tweet.text
        list(found.read_engagements())
    except (SourceAway, UsageError):
        return "page of X refused"
    return "page of X read"


def _read_mastodon_page(rng: random.Random, _state: State, _folder: Path) -> str:
    source = MastodonSource("http://127.0.0.1:1", "", "", timedelta(hours=24), sleep=lambda _: None)
    at = datetime.now(UTC) - timedelta(days=2)
    status = {
        "id": str(int(at.timestamp() * 1000) << 16),
        "created_at": at.isoformat(),
        "content": "<p>Tea <a href='x'>&amp;</a><br>more</p>",
        "account": {
            "id": "7",
            "acct": "ada",
            "followers_count": 8,
            "following_count": 9,
            "statuses_count": 10,
            "created_at": "2020-01-01T00:00:00.000Z",
        },
        "media_attachments": [{"id": "1", "type": "image"}],
        "language": "en",
        "favourites_count": 1,
        "reblogs_count": 0,
        "replies_count": 0,
        "in_reply_to_id": None,
        "reblog": None,
    }
    source._api.session = _Session(mutate_json(rng, [status] * 3), {"Content-Type": "application/json"})
    try:
        if rng.random() < 0.2:
            list(source.refresh(["1"]))
        for tweet in source.search(at - timedelta(hours=1), at + timedelta(hours=1), 10):
            assert clean(tweet.text) == tweet.text
    except (SourceAway, UsageError):
        return "page of Mastodon refused"
    return "page of Mastodon read"


def _read_bluesky_profiles(rng: random.Random, _state: State, _folder: Path) -> str:
    bad: Counter[str] = Counter()
    appview = AppView("http://127.0.0.1:1", bad, sleep=lambda _: None)
    page = {"profiles": [make_view(DID)]}
    appview._session = _Session(mutate_json(rng, page), {})  # type: ignore[assignment]
    post = parse_tweet(
        DID, "at://post", {"text": "Tea with milk, please", "langs": ["en"], "createdAt": "2026-11-20"}
    )
    appview.fill_profiles([post])
    if post.profile is None:
        return "profiles of Bluesky unknown"
    assert post.profile.count_parts()
    return "profiles of Bluesky read"


KINDS: list[Callable[[random.Random, State, Path], str]] = [
    *(_read_event, _read_event, _receive_frames, _receive_frames),
    *(_read_signers, _read_signature, _read_keys, _read_x_page, _read_mastodon_page, _read_bluesky_profiles),
]
