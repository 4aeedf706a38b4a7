"""Read what Postgres knows about a challenger in one transaction, and settle it in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID, uuid5

from viral_common.database.engine import Sessions
from viral_common.database.tables import Promotion, Training, Verdict
from viral_common.errors import NotYet, Unusable
from viral_common.events import ModelPromoted, ModelTrained, derive_event_id
from viral_common.stores import ledger

# What the event repeats of its training's row; only the row is believed.
REPEATED = ("batch_id", "model_version", "mlflow_run_id", "artifact_uri", "artifact_sha256")


@dataclass(frozen=True)
class Challenge:
    """Hold a challenger's training, what was decided about it so far, and the champion it has to beat."""

    training: Training
    verdict: Verdict | None = None
    promotion: Promotion | None = None
    champion: Promotion | None = None
    unjudged: Sequence[int] = ()
    """Earlier versions that come first."""

    @property
    def event_id(self) -> UUID:
        """The id of the event that announced the challenger."""
        return derive_event_id(self.training.event_id, ModelTrained.name)

    @property
    def promotion_event_id(self) -> UUID:
        """The id of the event that announces its promotion."""
        return derive_event_id(self.event_id, ModelPromoted.name)

    @property
    def is_decided(self) -> bool:
        """Whether there is a verdict that no replay replaces."""
        return self.verdict is not None and self.verdict.outcome != "failed"

    def find_difference(self, event: ModelTrained) -> str | None:
        """Find the first field in which the event differs from the training's row, if it does in any."""
        if event.id != self.event_id:
            return "id"
        return next((name for name in REPEATED if getattr(event, name) != getattr(self.training, name)), None)


def build_verdict(challenge: Challenge, **fields: object) -> Verdict:
    """Build a verdict about the challenger; its id is the same on every run of the handler."""
    return Verdict(
        id=uuid5(challenge.event_id, "verdict"),
        event_id=challenge.event_id,
        batch_id=challenge.training.batch_id,
        challenger_version=challenge.training.model_version,
        **fields,
    )


class ChallengeStore(Protocol):
    """Read and settle challenges."""

    def read_challenge(self, event: ModelTrained) -> Challenge:
        """Read the challenge that an event announces. Raises Unusable for an event that no training stands behind."""

    def settle(self, verdict: Verdict, promotion: Promotion | None, champion: Promotion | None) -> Verdict:
        """Record a verdict, returned as stored, and its promotion. Raises NotYet if `champion` was replaced."""

    def record_failure(self, verdict: Verdict) -> None:
        """Record that no verdict could be reached."""


@dataclass(frozen=True)
class PostgresChallenges:
    """Keep challenges in Postgres, a transaction for each call."""

    sessions: Sessions
    order_wait: timedelta
    sign: Callable[[Promotion], tuple[str, str]] | None = None

    def read_challenge(self, event: ModelTrained) -> Challenge:
        """Read the challenge that an event announces. Raises Unusable for an event that no training stands behind."""
        with self.sessions() as session:
            training = ledger.find_training_by_version(session, event.model_version)
            if training is None:
                raise Unusable(f"no training registered version {event.model_version}")
            challenge = Challenge(training)
            if name := challenge.find_difference(event):
                raise Unusable(f"{name} is not what the training of version {event.model_version} recorded")
            return Challenge(
                training,
                verdict=ledger.find_verdict(session, challenge.event_id),
                promotion=ledger.find_promotion(session, challenge.promotion_event_id),
                champion=ledger.find_champion(session),
                unjudged=ledger.find_unjudged_versions(session, training.model_version, self.order_wait),
            )

    def settle(self, verdict: Verdict, promotion: Promotion | None, champion: Promotion | None) -> Verdict:
        """Record a verdict, returned as stored, and its promotion. Raises NotYet if `champion` was replaced."""
        with self.sessions.begin() as session:
            ledger.lock_promotions(session)
            present = ledger.find_champion(session)
            if (present and present.seq) != (champion and champion.seq):
                raise NotYet("the champion changed while the challenger was scored")
            stored = ledger.record_verdict(session, verdict)
            if promotion is not None:
                ledger.add_promotion(session, promotion, self.sign)
            return stored

    def record_failure(self, verdict: Verdict) -> None:
        """Record that no verdict could be reached."""
        with self.sessions.begin() as session:
            ledger.record_verdict(session, verdict)
