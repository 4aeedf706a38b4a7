"""Describe what callers send: tweets to predict, and drafts to rank."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, ValidationInfo, field_validator
from viral_common.tweets.features import TweetInput
from viral_common.tweets.profile import FIRST_ACCOUNT, MOST, AuthorProfile
from viral_common.tweets.text import clean

MAX_TWEETS = 256
MAX_TEXT = 4_000
MAX_USERNAME = 50
MAX_PHOTOS = 4
MAX_DRAFTS = 10


def clean_text(max_length: int) -> BeforeValidator:
    """Clean a text before pydantic sees it, which takes no lone surrogates. What is sent too long stays too long."""

    def clean_short(value: Any) -> Any:
        return clean(value) if isinstance(value, str) and len(value) <= max_length else value

    return BeforeValidator(clean_short)


def parse_whole(value: Any) -> Any:
    """Take 2.0 as 2: to JSON Schema and JavaScript it is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def parse_time(value: Any) -> Any:
    """Parse ISO 8601; without an offset it is UTC."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a time in ISO 8601, for example 2026-11-23T18:30:00Z") from None
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:  # a day before the first or after the last that there is
        return at.replace(tzinfo=UTC)


Count = Annotated[int, Field(strict=True, ge=0, le=MOST), BeforeValidator(parse_whole)]


class AuthorIn(BaseModel):
    """An author's public counts. Each may be left out; unknown fields are ignored."""

    followers: Count | None = Field(default=None, description="Who follows the author", examples=[1_200])
    following: Count | None = Field(default=None, description="Whom the author follows", examples=[310])
    posts: Count | None = Field(default=None, description="The author's posts", examples=[5_400])
    favourites: Count | None = Field(default=None, description="Posts that the author liked", examples=[900])
    listed: Count | None = Field(default=None, description="Lists that the author was put on", examples=[14])
    verified: StrictBool | None = Field(default=None, description="Whether verified", examples=[False])
    created_at: Annotated[datetime | None, BeforeValidator(parse_time)] = Field(
        default=None,
        description="When the account was made, from 21 March 2006 on and not after the tweet",
        examples=["2015-03-01T00:00:00Z"],
    )

    def to_profile(self) -> AuthorProfile | None:
        """Make what the model may look at; None if nothing is said."""
        profile = AuthorProfile(**dict(self))
        return profile if profile.count_parts() else None


class PostIn(BaseModel):
    """All of a tweet but its text."""

    username: Annotated[str, clean_text(MAX_USERNAME)] | None = Field(
        default=None,
        max_length=MAX_USERNAME,
        description="Who posts it: what is known of the author sharpens the prediction",
        examples=["ada"],
    )
    created_at: Annotated[datetime | None, BeforeValidator(parse_time)] = Field(
        default=None,
        description="When it is posted, ISO 8601; without an offset it is UTC. Default: now",
        examples=["2026-11-23T18:30:00Z"],
    )
    author: AuthorIn | None = Field(
        default=None,
        description="The author's public counts; with a `username`, what is stored fills what is missing here",
    )
    photos_count: Annotated[int, BeforeValidator(parse_whole)] = Field(
        default=0, ge=0, le=MAX_PHOTOS, strict=True, description="Photos attached", examples=[1]
    )
    has_video: StrictBool = Field(default=False, description="Whether a video is attached", examples=[False])
    is_quote_tweet: StrictBool = Field(
        default=False, description="Whether it quotes another tweet", examples=[False]
    )

    @field_validator("author")
    @classmethod
    def _check_age(cls, author: AuthorIn | None, info: ValidationInfo) -> AuthorIn | None:
        posted_at = info.data.get("created_at") or datetime.now(UTC)
        if author and author.created_at and not FIRST_ACCOUNT <= author.created_at <= posted_at:
            raise ValueError(f"created_at must lie between {FIRST_ACCOUNT:%Y-%m-%d} and the tweet's own time")
        return author

    def build_input(self, text: str, now: datetime) -> TweetInput:
        """Make what the model may look at of a post with that text."""
        return TweetInput(
            text=text,
            created_at=self.created_at or now,
            photos_count=self.photos_count,
            has_video=self.has_video,
            is_quote_tweet=self.is_quote_tweet,
            username=self.username,
            profile=self.author.to_profile() if self.author else None,
        )


class TweetIn(PostIn):
    """A tweet as it would be posted. Unknown fields are ignored."""

    text: Annotated[str, clean_text(MAX_TEXT)] = Field(
        max_length=MAX_TEXT,
        description="As its author types it; may be empty. Control characters and lone surrogates are dropped",
        examples=[
            "Our new release is out: twice as fast, half the memory. What should we build next? #python"
        ],
    )


class PredictionsRequest(BaseModel):
    """1 to 256 tweets. Unknown fields are ignored."""

    tweets: list[TweetIn] = Field(min_length=1, max_length=MAX_TWEETS, description="The tweets to predict")
    explain: StrictBool = Field(
        default=False,
        description="Also say what is usual for the account, and weigh each word by leaving it out: up to 60 words "
        "of a tweet, fewer in large calls",
        examples=[True],
    )


class RankingRequest(PostIn):
    """2 to 10 drafts of one account; what else is said goes for all of them. Unknown fields are ignored."""

    drafts: list[Annotated[str, Field(max_length=MAX_TEXT), clean_text(MAX_TEXT)]] = Field(
        min_length=2,
        max_length=MAX_DRAFTS,
        description="The texts, as their author types them",
        examples=[["Our new release is out: twice as fast", "Twice as fast, half the memory. What next?"]],
    )
