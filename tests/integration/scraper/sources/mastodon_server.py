"""Answer as a Mastodon server does: public timelines and status look-up."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from tests.integration.scraper.sources.expected_posts import ExpectedPost
from tests.integration.scraper.sources.http_server import Answer, Request


class FakeMastodon:
    """Serve these posts, newest first."""

    def __init__(self, posts: Sequence[ExpectedPost]) -> None:
        self.statuses = [make_status(post) for post in sorted(posts, key=lambda post: post.at, reverse=True)]

    def answer(self, request: Request) -> Answer:
        """Answer at the public and hashtag timelines and to look-ups by id."""
        limits = {
            "X-RateLimit-Limit": "300",
            "X-RateLimit-Remaining": "299",
            "X-RateLimit-Reset": "2099-01-01T00:00:00.000000Z",
        }
        if request.path == "/api/v1/statuses":
            found = [status for status in self.statuses if status["id"] in request.query["id[]"]]
            return Answer(200, found, limits)
        if request.path not in ("/api/v1/timelines/public", "/api/v1/timelines/tag/tea"):
            return Answer(404, {"error": "Record not found"}, limits)
        assert request.get("local") in ("true", "True", "1")
        older = [status for status in self.statuses if int(status["id"]) < int(request.get("max_id"))]
        return Answer(200, older[: int(request.get("limit"))], limits)


def make_status(post: ExpectedPost) -> dict[str, Any]:
    """Make a status as the REST API delivers it; links as Mastodon cuts them for display."""
    id_ = str((int(post.at.timestamp() * 1000) << 16) + post.number)
    link = f"https://example.com/{post.number}"
    shown = (
        f'<a href="{link}"><span class="invisible">https://</span><span>example.com/{post.number}</span></a>'
    )
    return {
        "id": id_,
        "created_at": f"{post.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "in_reply_to_id": "1" if post.is_reply else None,
        "language": "en",
        "visibility": "public",
        "replies_count": 1,
        "reblogs_count": 0,
        "favourites_count": post.likes,
        "content": f"<p>{html.escape(post.text).replace(link, shown)}</p>",
        "reblog": None,
        "account": {
            "id": str(1000 + post.number % 7),
            "acct": f"user{post.number % 7}",
            "username": "user",
            "followers_count": post.number % 7,
            "following_count": 2,
            "statuses_count": 3,
            "created_at": "2020-05-01T00:00:00.000Z",
        },
        "media_attachments": [{"id": "1", "type": "image", "url": "https://m.example/1.jpg"}] * post.photos,
        "mentions": [],
        "tags": [],
        "emojis": [],
    }
