"""Answer with the page that Twint 2.1.20 reads, as twitter.com served it until 2020: HTML in JSON, newest first."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.factories import make_snowflake
from tests.integration.scraper.sources.expected_posts import ExpectedPost
from tests.integration.scraper.sources.http_server import Answer, Request

PER_PAGE = 20


class FakeTwitter:
    """Serve these posts at /i/search/timeline."""

    def __init__(self, posts: Sequence[ExpectedPost]) -> None:
        self.posts = sorted(posts, key=lambda post: post.at, reverse=True)
        self.html = {post.number: render_item(post) for post in posts}

    def answer(self, request: Request) -> Answer:
        """Answer a search between two seconds, at a position."""
        assert request.path == "/i/search/timeline"
        since, until = (
            datetime.fromtimestamp(int(re.findall(rf"{word}:(\d+)", request.get("q"))[0]), UTC)
            for word in ("since", "until")
        )
        inside = [post for post in self.posts if since <= post.at < until]
        start = max(0, int(request.get("max_position")))
        page = inside[start : start + PER_PAGE]
        body: dict[str, Any] = {
            "min_position": str(start + len(page)),
            "has_more_items": start + PER_PAGE < len(inside),
            "items_html": "\n".join(self.html[post.number] for post in page),
        }
        return Answer(200, body)


def render_item(post: ExpectedPost) -> str:
    """Render one tweet's HTML, as far as Twint looks into it."""
    id_ = make_snowflake(post.at, post.number)
    conversation = "1" if post.is_reply else str(id_)
    link = f"https://example.com/{post.number}"
    # Twint puts a space before each link.
    text = html.escape(post.text.replace(f" {link}", "")) + (
        f'<a class="twitter-timeline-link" data-expanded-url="{link}" href="https://t.co/own">{link}</a>'
    )
    photo = '<div class="AdaptiveMedia-photoContainer" data-image-url="https://pbs.example/1.jpg"></div>'
    stats = "".join(
        f'<span class="ProfileTweet-action--{name} u-hiddenVisually">'
        f'<span class="ProfileTweet-actionCount" data-tweet-stat-count="{count}"></span></span>'
        for name, count in (("reply", 1), ("retweet", 0), ("favorite", post.likes))
    )
    return (
        f'<div class="tweet js-stream-tweet" data-item-id="{id_}" data-conversation-id="{conversation}" '
        f'data-user-id="{1000 + post.number % 7}" data-screen-name="User{post.number % 7}" data-name="User" '
        "data-reply-to-users-json='[]'>"
        f'<span class="_timestamp" data-time-ms="{int(post.at.timestamp() * 1000)}"></span>'
        f'<p class="TweetTextSize tweet-text" lang="en">{text}</p>'
        f"{photo * post.photos}{stats}</div>"
    )
