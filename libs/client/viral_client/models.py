"""Describe what the API takes and gives. Fields that a newer gateway adds are ignored."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Author(_Reply):
    """Say the public counts of an author; a reply also says what was collected, and when a stored profile was read."""

    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    favourites: int | None = None
    listed: int | None = None
    verified: bool | None = None
    created_at: datetime | None = None
    tweets: int | None = None
    settled: int | None = None
    viral: int | None = None
    profile_read_at: datetime | None = None


class Post(BaseModel):
    """Say all of a tweet but its text; `created_at` is now unless given."""

    model_config = ConfigDict(frozen=True)

    username: str | None = None
    author: Author | None = None
    created_at: datetime | None = None
    photos_count: int = 0
    has_video: bool = False
    is_quote_tweet: bool = False


class Tweet(Post):
    """Describe a tweet as it would be posted."""

    text: str


class Model(_Reply):
    """Name the model that answered."""

    version: int
    promotion_seq: int
    run_id: str
    promoted_at: datetime


class ModelDetails(Model):
    """Describe the model that answers, with its metrics on test tweets."""

    previous_version: int | None
    reason: str
    metrics: dict[str, float]
    test_count: int | None = None
    batch_id: UUID
    artifact_sha256: str
    precision: str
    likes_threshold: int
    decision_threshold: float
    viral_rate: float
    simulated: bool
    train_count: int
    signed: bool = False


class Features(_Reply):
    """Hold what the model saw beside the text. Monday is 0, hours are UTC."""

    created_at_dayofweek: int
    created_at_hour: int
    is_quote_tweet: int
    hashtags_count: int
    mentions_count: int
    word_count: int
    photos_count: int
    has_video: int
    urls_count: int


class WordWeight(_Reply):
    """Say how much the probability falls without `text[start:end]`. A hint, not a cause."""

    word: str
    start: int
    end: int
    weight: float


class Prediction(_Reply):
    """Predict whether a tweet gets more likes than the model's threshold."""

    probability: float
    viral: bool
    features: Features
    author: Author | None = None
    usual: float | None = None
    explanation: list[WordWeight] | None = None


class Predictions(_Reply):
    """Hold predictions in the order of the tweets, all from one model."""

    model: Model
    predictions: list[Prediction]


class ExpectedLikes(_Reply):
    """Say how many likes to expect, and the bounds between which they lie in four of five cases."""

    likes: float
    low: float
    high: float


class RankedDraft(_Reply):
    """Say how a draft, by its `index` in the call, stands among the others; the last differs from no next one."""

    place: int
    index: int
    probability: float
    expected_likes: ExpectedLikes | None = None
    differs: bool | None = None
    confidence: float | None = None


class Ranking(_Reply):
    """Hold drafts, the best first, all from one model, and what is usual for their account."""

    model: Model
    usual: float
    author: Author | None = None
    drafts: list[RankedDraft]


class Verdict(_Reply):
    """Say how challenger and champion compared on the batch's test tweets."""

    outcome: str
    reason: str
    rule: str
    at: datetime
    test_count: int
    challenger_version: int | None
    champion_version: int | None
    challenger_metrics: dict[str, float]
    champion_metrics: dict[str, float]
    interval_low: float | None
    interval_high: float | None
    confidence: float | None


class Promoted(_Reply):
    """Describe a promotion of a version."""

    promotion_seq: int
    at: datetime
    reason: str
    precision: str
    note: str


class ModelVersion(_Reply):
    """Describe a registered version; validation metrics chose its epoch, its test metrics are those to quote."""

    version: int
    run_id: str
    batch_id: UUID
    artifact_uri: str
    artifact_sha256: str
    trained_at: datetime
    validation_metrics: dict[str, float]
    test_metrics: dict[str, float] | None
    verdict: Verdict | None
    promotions: list[Promoted]
    champion: bool


class Collected(_Reply):
    """Say when a batch was complete, and of what it is made."""

    at: datetime
    tweet_count: int
    train_count: int
    validation_count: int
    test_count: int
    viral_rate: float | None
    filtered: dict[str, int]
    history_only: bool = False


class Trained(_Reply):
    """Say which challenger was trained on the batch, and when."""

    at: datetime
    started_at: datetime
    model_version: int
    run_id: str
    metrics: dict[str, float]


class Batch(_Reply):
    """Hold one batch's trail; None where it has not come to that."""

    batch_id: UUID
    source: str
    simulated: bool
    query: str
    window_from: datetime
    window_to: datetime
    started_at: datetime
    target: int
    collected: Collected | None
    trained: Trained | None
    verdict: Verdict | None
    promoted: Promoted | None


class Refused(_Reply):
    """Name a promoted artefact that may not serve; the model before it serves on."""

    version: int
    promotion_seq: int
    reason: str
    refused_at: datetime


class Readiness(_Reply):
    """Say whether the gateway takes traffic, and what is missing if not."""

    status: str
    missing: list[str]
    model: Model | None
    refused: Refused | None

    @property
    def ready(self) -> bool:
        """Whether a model is loaded and promotions are received."""
        return self.status == "ready"
