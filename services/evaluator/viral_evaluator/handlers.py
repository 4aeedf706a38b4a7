"""What the evaluator does about a new challenger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog
from viral_common.database.engine import POSTGRES_AWAY, Sessions
from viral_common.database.tables import Verdict
from viral_common.errors import NotYet, ServerAway, Unusable, summarise_error
from viral_common.events import Event, ModelPromoted, ModelTrained, derive_event_id
from viral_common.stores import ledger
from viral_common.stores.champion import Champion

from viral_evaluator.alias_follower import Aliases
from viral_evaluator.judge import Judge, blank_verdict
from viral_evaluator.promotion import promotion_of_verdict

log = structlog.get_logger()


class VerdictBoard(Protocol):
    """The part of the registry where data scientists read verdicts."""

    def record_verdict(self, version: int, verdict: Verdict) -> None:
        """Show a verdict beside its version."""


@dataclass(frozen=True)
class Evaluator:
    """Judges challengers in the order they were trained: one verdict each, however often the event comes."""

    sessions: Sessions
    judge: Judge
    board: VerdictBoard
    aliases: Aliases
    order_wait: timedelta

    def on_model_trained(self, event: ModelTrained) -> list[Event]:
        """Score challenger and champion on the batch's test tweets; promote the better."""
        with self.sessions() as session:
            verdict = ledger.find_verdict(session, event.id)
        if verdict is None or verdict.outcome == "failed":
            self._await_turn(event)
            self._decide(event)
        with self.sessions() as session:
            verdict = ledger.find_verdict(session, event.id)
            promotion = ledger.find_promotion(session, derive_event_id(event.id, ModelPromoted.name))
        self._tell_mlflow(event.model_version, verdict)
        return [Champion.from_row(promotion).to_event()] if promotion else []

    def on_dead_lettered(self, event: ModelTrained, reason: str) -> None:
        """Record that no verdict could be reached, where there is a batch to record it of."""
        with self.sessions.begin() as session:
            if ledger.has_batch(session, event.batch_id):
                ledger.record_verdict(
                    session, blank_verdict(event, outcome="failed", reason=reason, rule="none")
                )

    def _tell_mlflow(self, version: int, verdict: Verdict | None) -> None:
        """Waits for a server that is away; all else, a version deleted by hand say, must not keep a promotion back."""
        try:
            if verdict is not None:
                self.board.record_verdict(version, verdict)
            self.aliases.follow()
        except (ServerAway, *POSTGRES_AWAY):
            raise
        except Exception as error:  # noqa: BLE001  (what counts is settled in Postgres)
            log.warning("verdict not shown in MLflow", version=version, reason=summarise_error(error))

    def _await_turn(self, event: ModelTrained) -> None:
        with self.sessions() as session:
            if not ledger.has_batch(session, event.batch_id):
                raise Unusable(f"batch {event.batch_id} does not exist")
            training = ledger.find_training_by_version(session, event.model_version)
            if training is None or training.batch_id != event.batch_id:
                raise Unusable(
                    f"no training of batch {event.batch_id} registered version {event.model_version}"
                )
            earlier = ledger.find_unjudged_versions(session, event.model_version, self.order_wait)
        if earlier:
            raise NotYet(f"versions {', '.join(map(str, earlier))} are judged first")

    def _decide(self, event: ModelTrained) -> None:
        with self.sessions() as session:
            champion = ledger.find_champion(session)
        verdict = self.judge.compare(event, champion)
        with self.sessions.begin() as session:
            ledger.lock_promotions(session)
            champion_now = ledger.find_champion(session)
            if (champion_now and champion_now.seq) != (champion and champion.seq):
                raise NotYet("the champion changed while the challenger was scored")
            ledger.record_verdict(session, verdict)
            if verdict.outcome == "promoted":
                ledger.add_promotion(session, promotion_of_verdict(event, verdict, champion))
        log.info("verdict", outcome=verdict.outcome, version=event.model_version, reason=verdict.reason)
