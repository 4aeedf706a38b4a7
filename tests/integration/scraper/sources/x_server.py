"""Answer as X API v2 does by its documentation: recent search in pages, and look-up by ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.factories import make_snowflake
from tests.integration.scraper.sources.expected_posts import ExpectedPost
from tests.integration.scraper.sources.http_server import Answer, Request


class FakeX:
    """Serve these posts, newest first."""

    def __init__(self, posts: Sequence[ExpectedPost]) -> None:
        self.posts = [make_post(post) for post in sorted(posts, key=lambda post: post.at, reverse=True)]

    def answer(self, request: Request) -> Answer:
        """Answer GET /2/tweets/search/recent and /2/tweets."""
        limits = {"x-rate-limit-limit": "450", "x-rate-limit-remaining": "449", "x-rate-limit-reset": "0"}
        if request.headers.get("Authorization") != "Bearer secret-token":
            return Answer(401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401})
        if request.path == "/2/tweets":
            return Answer(200, self._look_up(request.get("ids").split(",")), limits)
        if request.path == "/2/tweets/search/recent":
            return Answer(200, self._search(request), limits)
        return Answer(404, {"detail": "no such call"})

    def _search(self, request: Request) -> dict[str, Any]:
        since, until = (datetime.fromisoformat(request.get(name)) for name in ("start_time", "end_time"))
        inside = [post for post in self.posts if since <= datetime.fromisoformat(post["created_at"]) < until]
        start, size = int(request.get("next_token") or 0), int(request.get("max_results"))
        assert 10 <= size <= 100
        page = inside[start : start + size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if start + size < len(inside):
            meta["next_token"] = str(start + size)
        if not page:
            return {"meta": meta}
        expansions = request.get("expansions").split(",")
        includes: dict[str, Any] = {"media": [make_media(post) for post in page if "attachments" in post]}
        if "author_id" in expansions:
            includes["users"] = [
                make_user(id_, request.get("user.fields").split(","))
                for id_ in {p["author_id"] for p in page}
            ]
        return {"data": page, "includes": includes, "meta": meta}

    def _look_up(self, ids: list[str]) -> dict[str, Any]:
        found = [
            {"id": post["id"], "text": post["text"], "public_metrics": post["public_metrics"]}
            for post in self.posts
            if post["id"] in ids
        ]
        known = {post["id"] for post in found}
        errors = [
            {
                "resource_id": id_,
                "title": "Not Found Error",
                "type": "https://api.twitter.com/2/problems/resource-not-found",
            }
            for id_ in ids
            if id_ not in known
        ]
        return {"data": found} | ({"errors": errors} if errors else {})


def make_post(post: ExpectedPost) -> dict[str, Any]:
    """Make a post as recent search delivers it, with the t.co links that X makes of the author's and adds for media."""
    id_ = str(make_snowflake(post.at, post.number))
    text = post.text.replace("&", "&amp;").replace(f"https://example.com/{post.number}", "https://t.co/own")
    links = [{"url": "https://t.co/own", "expanded_url": f"https://example.com/{post.number}"}]
    sent: dict[str, Any] = {
        "id": id_,
        "edit_history_tweet_ids": [id_],
        "author_id": str(1000 + post.number % 7),
        "created_at": f"{post.at:%Y-%m-%dT%H:%M:%S}.000Z",
        "lang": "en",
        "text": text,
        "public_metrics": {
            "retweet_count": 0,
            "reply_count": 1,
            "like_count": post.likes,
            "quote_count": 0,
            "bookmark_count": 0,
            "impression_count": 10,
        },
    }
    if post.photos:
        key = f"3_{id_}"
        sent["attachments"] = {"media_keys": [key]}
        links.append(
            {
                "url": "https://t.co/pic",
                "expanded_url": f"https://x.com/u/status/{id_}/photo/1",
                "media_key": key,
            }
        )
        sent["text"] += " https://t.co/pic"
    sent["entities"] = {"urls": links}
    if post.is_reply:
        sent["referenced_tweets"] = [{"type": "replied_to", "id": "1"}]
    return sent


def make_user(id_: str, fields: list[str]) -> dict[str, Any]:
    """Make an author as included, with the fields that were asked for."""
    known = {
        "username": f"user{id_}",
        "created_at": "2017-11-25T19:04:10.000Z",
        "verified": False,
        "public_metrics": {
            "followers_count": int(id_),
            "following_count": 2,
            "tweet_count": 3,
            "listed_count": 4,
        },
    }
    return {"id": id_} | {name: known[name] for name in fields}


def make_media(post: dict[str, Any]) -> dict[str, Any]:
    """Make the included photo of a post."""
    return {"media_key": post["attachments"]["media_keys"][0], "type": "photo"}
