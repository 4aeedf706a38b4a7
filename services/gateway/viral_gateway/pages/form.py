"""Read the web form: what was typed, what is wrong with it, and the tweet it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import ValidationError
from viral_common.tweets.text import clean

from viral_gateway.api.prediction_schemas import MAX_TEXT, TweetIn

# What a browser sends: a few fields of which only the text is long.
MAX_FIELDS = 20

MESSAGES = {
    "text": f"A tweet may have at most {MAX_TEXT:,} characters here.",
    "username": "A username may have at most 50 characters.",
    "created_at": "Give the time as a date and a time, for example 2026-11-23T18:30.",
    "photos_count": "Choose 0 to 4 photos.",
}


@dataclass(frozen=True)
class Form:
    """Hold the fields as typed, so that nothing is lost when something is wrong."""

    text: str = ""
    username: str = ""
    created_at: str = ""
    photos_count: str = "0"
    has_video: bool = False
    is_quote_tweet: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Take the fields of a POST; uploads and unknown fields are passed over."""
        typed = {name: clean(value) for name, value in fields.items() if isinstance(value, str)}
        return cls(
            # Browsers send line breaks as CR LF.
            text=typed.get("text", "").replace("\r\n", "\n"),
            username=typed.get("username", "").strip(),
            created_at=typed.get("created_at", "").strip(),
            photos_count=typed.get("photos_count", "0").strip(),
            has_video="has_video" in typed,
            is_quote_tweet="is_quote_tweet" in typed,
        )

    def parse_tweet(self) -> tuple[TweetIn | None, dict[str, str]]:
        """Make the tweet, or for each wrong field a line that says what is right."""
        photos = int(self.photos_count) if self.photos_count in set("01234") else -1
        try:
            tweet = TweetIn.model_validate(
                {
                    **vars(self),
                    "username": self.username or None,
                    "created_at": self.created_at or None,
                    "photos_count": photos,
                }
            )
        except ValidationError as error:
            wrong = {str(found["loc"][0]) for found in error.errors(include_input=False)}
            return None, {name: MESSAGES[name] for name in MESSAGES if name in wrong}
        if not (self.text.strip() or photos or self.has_video or self.is_quote_tweet):
            return None, {"text": "Write a tweet first, or say that it has a photo or a video."}
        return tweet, {}


EXAMPLES = {
    "A launch": Form(
        "Our new release is out: twice as fast, half the memory. What should we build next? #python"
    ),
    "A question": Form("What is the one book that you wish you had read ten years earlier?"),
    "Breaking news": Form(
        "BREAKING: Oil prices jump 6% after talks on sanctions collapse https://example.com/oil-prices"
    ),
    "Holiday photos": Form(
        "Sunrise over the lake this morning. No filter, no people, no phone 🌅", photos_count="3"
    ),
    "Many hashtags": Form(
        "Check out my new blog post! #marketing #growth #seo #startup #business https://example.com/blog"
    ),
    "A thank you": Form(
        "I passed my exam on the third try. Thank you to everyone who did not give up on me ❤️"
    ),
}
"""Tweets to try with one click, by what their buttons say."""
