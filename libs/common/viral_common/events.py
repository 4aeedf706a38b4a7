"""Define the contract: the three facts that the services send each other, and the envelope they travel in.

`docs/events.md` and `docs/asyncapi.json` are generated from these classes (`make docs`). Fields are only ever added.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID, uuid4, uuid5

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Precision = Literal["fp32", "int8"]
# What became of a challenger, and why a version became the champion.
Outcome = Literal["promoted", "kept", "untrainable", "unscorable", "failed"]
Reason = Literal["first", "better", "manual"]


class Event(BaseModel):
    """A past-tense fact. `id` is the envelope's: a handler's side effects are found again by it."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    name: ClassVar[str]
    id: UUID = Field(default_factory=uuid4, exclude=True)
    batch_id: UUID = Field(description="The batch this fact belongs to; correlation id of all its events")


class BatchCollected(Event):
    """A batch of tweets is complete in Postgres and waits to be trained on."""

    name: ClassVar[str] = "batch.collected"
    source: str = Field(description="Where the tweets came from: `archive`, `simulated`, …")
    query: str = Field(description="What was searched for, or the name of the archive")
    window_from: datetime = Field(description="Start of the time window the tweets were posted in (UTC)")
    window_to: datetime = Field(description="End of that window, exclusive (UTC)")
    tweet_count: NonNegativeInt = Field(description="Tweets kept after the filters")
    train_count: NonNegativeInt = Field(description="Of these, in the train split")
    test_count: NonNegativeInt = Field(description="Of these, in the test split")
    viral_rate: Share = Field(description="Share with more likes than the threshold")


class ModelTrained(Event):
    """A challenger is registered and waits to be scored against the champion."""

    name: ClassVar[str] = "model.trained"
    model_version: PositiveInt = Field(description="Version of `tweet-virality` in MLflow")
    mlflow_run_id: str = Field(description="The run that trained it")
    artifact_uri: str = Field(description="Where MLflow keeps the artefact")
    artifact_sha256: Sha256 = Field(description="Digest of the artefact's manifest.json")
    metrics: dict[str, float] = Field(description="Validation metrics of the run")


class ModelPromoted(Event):
    """A model version is the champion from now on; every gateway replica swaps it in."""

    name: ClassVar[str] = "model.promoted"
    batch_id: UUID = Field(
        exclude=True, description="The batch it was trained on: the envelope's correlation id"
    )
    promotion_seq: PositiveInt = Field(description="Grows with each promotion; an older one is ignored")
    model_version: PositiveInt = Field(description="The new champion's version in MLflow")
    previous_version: int | None = Field(description="The champion before it, if there was one")
    mlflow_run_id: str = Field(description="The run that trained it")
    artifact_uri: str = Field(description="Where MLflow keeps the artefact")
    artifact_sha256: Sha256 = Field(description="Digest of the artefact's manifest.json")
    precision: Precision = Field(
        default="fp32", description="Which of its graphs serves: `model.onnx` or `model.int8.onnx`"
    )
    verdict_id: UUID | None = Field(description="The verdict behind it; none if promoted by hand")
    reason: Reason = Field(description="Why it was promoted")
    metrics: dict[str, float] = Field(description="Its metrics on the verdict's test tweets")


EVENT_TYPES: dict[str, type[Event]] = {
    event.name: event for event in (BatchCollected, ModelTrained, ModelPromoted)
}


class CloudEvent(BaseModel):
    """The envelope: CloudEvents 1.0, structured JSON, with the trace, correlation and causation extensions."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    CONTENT_TYPE: ClassVar[str] = "application/cloudevents+json"

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Annotated[str, Field(min_length=1)]
    type: Annotated[str, Field(min_length=1)]
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
    correlationid: str
    causationid: str | None = None
    data: dict[str, Any]

    def to_event(self) -> Event:
        """Read the fact inside. Raises ValueError for an unknown type, and for data that breaks the contract."""
        if self.type not in EVENT_TYPES:
            raise ValueError(f"unknown event type {self.type!r}; known: {', '.join(EVENT_TYPES)}")
        return EVENT_TYPES[self.type].model_validate(
            {"batch_id": self.correlationid, **self.data, "id": self.id}
        )


def derive_event_id(cause_id: UUID, name: str) -> UUID:
    """Derive the id of the event `name` that the event `cause_id` causes: the same on every run of its handler."""
    return uuid5(cause_id, name)


def wrap_event(event: Event, source: str, cause: CloudEvent | None = None) -> CloudEvent:
    """Wrap a fact. With a cause, id and trace follow from it; without, the event's own id starts a new trace."""
    event_id = derive_event_id(cause.id, event.name) if cause else event.id
    trace_id = cause.traceparent.split("-")[1] if cause else event.batch_id.hex
    return CloudEvent(
        id=event_id,
        source=source,
        type=event.name,
        subject=f"batch/{event.batch_id}",
        time=datetime.now(UTC),
        traceparent=f"00-{trace_id}-{event_id.hex[:16]}-01",
        correlationid=str(event.batch_id),
        causationid=str(cause.id) if cause else None,
        data=event.model_dump(mode="json"),
    )
