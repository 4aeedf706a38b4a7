"""Read the web forms: what was typed, what is wrong with it, and the post it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData
from viral_common.tweets.text import clean

from viral_gateway.api.request_schemas import MAX_DRAFTS, MAX_TEXT, PostIn, RankingRequest, TweetIn

# What a browser sends: a few fields of which only the texts are long.
MAX_FIELDS = 30
COUNTS = ("followers", "following", "posts")
ACCOUNT = ("username", *COUNTS, "account_since")
MESSAGES = {
    "text": f"A tweet may have at most {MAX_TEXT:,} characters here.",
    "username": "A username may have at most 50 characters.",
    "created_at": "Give the time as a date and a time, for example 2026-11-23T18:30.",
    "photos_count": "Choose 0 to 4 photos.",
    "account_since": "Give the day that your account shows: after 20 March 2006, before the tweet.",
    **dict.fromkeys(COUNTS, "Give a whole number, for example 1,200."),
}


@dataclass(frozen=True)
class Form:
    """Hold the fields as typed, so that nothing is lost when something is wrong."""

    texts: Sequence[str] = ("",)
    """One tweet, or the drafts to compare."""
    username: str = ""
    followers: str = ""
    following: str = ""
    posts: str = ""
    account_since: str = ""
    created_at: str = ""
    photos_count: str = "0"
    has_video: bool = False
    is_quote_tweet: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_fields(cls, fields: FormData) -> Form:
        """Take the fields of a POST, for an example those that say who posts; empty drafts are passed over."""
        typed = {name: clean(value) for name, value in fields.multi_items() if isinstance(value, str)}
        names = (*ACCOUNT, "created_at", "photos_count")
        said: dict[str, Any] = {name: typed[name].strip() for name in names if name in typed}
        if example := EXAMPLES.get(typed.get("example", "")):
            return replace(example, **{name: said.get(name, "") for name in ACCOUNT})
        # Browsers send line breaks as CR LF.
        texts = [
            clean(text).replace("\r\n", "\n") for text in fields.getlist("text") if isinstance(text, str)
        ]
        written = [text for text in texts if text.strip()] or texts[:1] or [""]
        said |= {name: name in typed for name in ("has_video", "is_quote_tweet")}
        return cls(written[:MAX_DRAFTS], **said)

    def list_fields(self) -> dict[str, Any]:
        """List what was given as the API takes it, but for texts; what is no number stays as typed."""
        counts = {name: _parse_count(getattr(self, name)) for name in COUNTS}
        author = {
            key: said for key, said in (counts | {"created_at": self.account_since}).items() if said != ""
        }
        names = ("username", "created_at", "has_video", "is_quote_tweet")
        fields: dict[str, Any] = {name: getattr(self, name) for name in names}
        fields |= {"author": author, "photos_count": _parse_count(self.photos_count)}
        return {name: value for name, value in fields.items() if value}

    def parse_tweet(self) -> tuple[PostIn | None, dict[str, str]]:
        """Make the tweet, or for each wrong field a line that says what is right."""
        tweet, errors = self._parse(TweetIn, text=self.texts[0])
        if tweet and not (
            self.texts[0].strip() or tweet.photos_count or self.has_video or self.is_quote_tweet
        ):
            return None, {"text": "Write a tweet first, or say that it has a photo or a video."}
        return tweet, errors

    def parse_drafts(self) -> tuple[PostIn | None, dict[str, str]]:
        """Make the drafts, or for each wrong field a line that says what is right."""
        if len(self.texts) < 2:
            return None, {"text": "Write two drafts or more."}
        return self._parse(RankingRequest, drafts=self.texts)

    def _parse(self, kind: type[PostIn], **texts: Any) -> tuple[PostIn | None, dict[str, str]]:
        try:
            return kind(**texts, **self.list_fields()), {}
        except ValidationError as error:
            wrong = {_find_field(found["loc"]) for found in error.errors(include_input=False)}
            return None, {name: MESSAGES[name] for name in MESSAGES if name in wrong}


def _parse_count(typed: str) -> int | str:
    digits = "".join(typed.replace(",", "").split())
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else typed


def _find_field(place: Sequence[int | str]) -> str:
    if place[0] == "author":  # by itself: its time is in the tweet's future
        return "account_since" if place[1:] in ((), ("created_at",)) else str(place[1])
    return "text" if place[0] == "drafts" else str(place[0])


EXAMPLES = {
    "A launch": Form(
        ["Our new release is out: twice as fast, half the memory. What should we build next? #python"]
    ),
    "A question": Form(["What is the one book that you wish you had read ten years earlier?"]),
    "Breaking news": Form(
        ["BREAKING: Oil prices jump 6% after talks on sanctions collapse https://example.com/oil-prices"]
    ),
    "Holiday photos": Form(
        ["Sunrise over the lake this morning. No filter, no people, no phone 🌅"], photos_count="3"
    ),
    "Many hashtags": Form(
        ["Check out my new blog post! #marketing #growth #seo #startup #business https://example.com/blog"]
    ),
    "A thank you": Form(
        ["I passed my exam on the third try. Thank you to everyone who did not give up on me ❤️"]
    ),
}
"""Tweets to try with one click, by what their buttons say."""
