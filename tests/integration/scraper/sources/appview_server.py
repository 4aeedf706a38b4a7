"""Answer as Bluesky's AppView does to app.bsky.actor.getProfiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.integration.scraper.sources.http_server import Answer, Request


@dataclass
class FakeAppView:
    """Know every author but those that are gone; each has one follower more than the one before."""

    gone: set[str] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Answer for 25 authors at most."""
        assert request.path == "/xrpc/app.bsky.actor.getProfiles"
        dids = request.query["actors"]
        assert len(dids) <= 25
        self.asked.append(dids)
        return Answer(200, {"profiles": [make_view(did) for did in dids if did not in self.gone]})


def make_view(did: str) -> dict[str, Any]:
    """Make an author's profile as the AppView shows it, words about them included."""
    return {
        "did": did,
        "handle": "ada.example",
        "displayName": "Ada",
        "description": "Writes of tea",
        "followersCount": 100 + len(did),
        "followsCount": 20,
        "postsCount": 300,
        "createdAt": "2023-05-01T10:00:00.000Z",
        "indexedAt": "2024-01-01T00:00:00.000Z",
        "labels": [],
        "verification": {"verifications": [], "verifiedStatus": "valid", "trustedVerifierStatus": "none"},
    }
