"""Describe what callers get: predictions, rankings and the model that made them."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, NotRequired, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic takes no other below Python 3.12
from viral_common.events import Precision, Reason
from viral_common.tweets.features import TweetInput

from viral_gateway.api.record_schemas import Out
from viral_gateway.api.request_schemas import AuthorIn
from viral_gateway.prediction.ranking import RankedDraft
from viral_gateway.serving.champion import Serving


class ModelRef(Out):
    """Which model answered: every prediction of a reply comes from this one."""

    model_config = ConfigDict(validate_by_name=True)

    version: int = Field(
        validation_alias="model_version", description="Version of `tweet-virality` in MLflow", examples=[3]
    )
    promotion_seq: int = Field(
        description="Grows with each promotion, also when a version returns", examples=[4]
    )
    run_id: str = Field(
        validation_alias="mlflow_run_id",
        description="The MLflow run that trained it",
        examples=["8d0f3c5a9b7e4f21a6c2d4e8f0b1a3c5"],
    )
    promoted_at: datetime = Field(
        description="When it became the champion", examples=["2026-11-23T05:12:44Z"]
    )


class ModelDetails(ModelRef):
    """Describe the champion."""

    previous_version: int | None = Field(description="The champion before it", examples=[2])
    reason: Reason = Field(description="Why it was promoted: first, better or manual", examples=["better"])
    metrics: dict[str, float] = Field(
        description="Its scores on the test tweets of the batch that promoted it", examples=[{"auc": 0.701}]
    )
    test_count: int | None = Field(description="How many test tweets these are", examples=[7_310])
    batch_id: UUID = Field(description="The batch it was trained on")
    artifact_sha256: str = Field(
        description="Digest of the artefact's manifest.json",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    precision: Precision = Field(
        description="Of its weights: fp32, or int8 if that is as good", examples=["int8"]
    )
    likes_threshold: int = Field(description="A tweet is viral with more likes than this", examples=[0])
    decision_threshold: float = Field(
        description="A probability from here on is called viral: one half, or less where viral tweets are rare",
        examples=[0.5],
    )
    viral_rate: float = Field(description="Share of viral tweets it was trained on", examples=[0.43])
    simulated: bool = Field(description="Whether it was trained on simulated tweets", examples=[False])
    train_count: int = Field(description="Tweets it was trained on", examples=[35_000])
    signed: bool = Field(
        description="Whether trusted keys signed the artefact and its promotion", examples=[True]
    )

    @classmethod
    def from_serving(cls, serving: Serving) -> Self:
        """Take what is published of the model that answers."""
        spec = serving.scorer.spec
        return cls.model_validate(
            {
                **serving.model.model_dump(),
                "likes_threshold": spec.likes_threshold,
                "decision_threshold": spec.decision_threshold,
                "viral_rate": spec.training.viral_rate,
                "simulated": spec.training.simulated,
                "train_count": spec.training.train_count,
                "signed": serving.signed,
            }
        )


class Features(TypedDict):
    """What the model saw beside the text."""

    created_at_dayofweek: Annotated[int, Field(ge=0, le=6, description="Monday is 0 (UTC)", examples=[0])]
    created_at_hour: Annotated[int, Field(ge=0, le=23, description="Hour of the day (UTC)", examples=[18])]
    is_quote_tweet: Annotated[
        int, Field(ge=0, le=1, description="1 if it quotes another tweet", examples=[0])
    ]
    hashtags_count: Annotated[int, Field(ge=0, description="Hashtags in the text", examples=[1])]
    mentions_count: Annotated[int, Field(ge=0, description="Mentions in the text", examples=[0])]
    word_count: Annotated[int, Field(ge=0, description="Words in the text, links left out", examples=[16])]
    photos_count: Annotated[int, Field(ge=0, description="Photos attached", examples=[0])]
    has_video: Annotated[int, Field(ge=0, le=1, description="1 if a video is attached", examples=[0])]
    urls_count: Annotated[int, Field(ge=0, description="Links in the text", examples=[0])]


class WordWeightOut(TypedDict):
    """What one word adds to the probability. A hint, not a cause."""

    word: Annotated[str, Field(description="The word as typed", examples=["release"])]
    start: Annotated[
        int, Field(ge=0, description="Its first character in the text (code points)", examples=[8])
    ]
    end: Annotated[int, Field(ge=0, description="The character after its last", examples=[15])]
    weight: Annotated[
        float, Field(description="How much the probability falls without the word", examples=[0.031])
    ]


class AuthorOut(AuthorIn):
    """What was known of the author, by the request or by the username; what was not is left out."""

    tweets: int | None = Field(default=None, description="Collected that were posted earlier", examples=[12])
    settled: int | None = Field(default=None, description="Of these, with likes known by then", examples=[11])
    viral: int | None = Field(default=None, description="Of the settled, with likes enough", examples=[7])
    read_at: datetime | None = Field(
        default=None, serialization_alias="profile_read_at", description="When the stored profile was read"
    )

    @classmethod
    def from_tweet(cls, tweet: TweetInput) -> AuthorOut | None:
        """Take what was known; None if nothing was."""
        known = [asdict(part) for part in (tweet.author, tweet.profile) if part]
        return cls.model_construct(**ChainMap(*known)) if known else None


class PredictionOut(TypedDict):
    """One tweet's prediction, in the order asked."""

    probability: Annotated[
        float, Field(ge=0, le=1, description="That it gets more likes than the threshold", examples=[0.62])
    ]
    viral: Annotated[
        bool,
        Field(
            description="Whether that is at least the model's `decision_threshold`, mostly one half",
            examples=[True],
        ),
    ]
    features: Features
    author: NotRequired[
        Annotated[
            AuthorOut, Field(description="What was known: by `author`, by a username while Postgres answers")
        ]
    ]
    usual: NotRequired[
        Annotated[
            float, Field(description="With the content hidden; only if asked to explain", examples=[0.41])
        ]
    ]
    explanation: NotRequired[Annotated[list[WordWeightOut], Field(description="Only if asked for")]]


class PredictionsReply(TypedDict):
    """Predictions, wholly from one model version."""

    model: ModelRef
    predictions: Annotated[list[PredictionOut], Field(description="In the order of the tweets")]


class RankingReply(BaseModel):
    """The drafts, wholly from one model version."""

    model: ModelRef
    usual: float = Field(description="What is usual for an account like this", examples=[0.41])
    author: AuthorOut | None = Field(default=None, description="What was known of it")
    drafts: list[RankedDraft] = Field(description="The best first")
