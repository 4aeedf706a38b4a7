"""Judge each new challenger, and announce it if it is promoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import structlog
from viral_common.database.engine import POSTGRES_AWAY
from viral_common.database.tables import Promotion, Verdict
from viral_common.errors import NotYet, ServerAway, Unusable, summarise_error
from viral_common.events import Event, ModelTrained
from viral_common.stores.champion import Champion

from viral_evaluator.challenges import Challenge, ChallengeStore, build_verdict
from viral_evaluator.promotion import build_promotion

log = structlog.get_logger()


class Judge(Protocol):
    """Compare versions."""

    def compare(self, challenge: Challenge) -> Verdict:
        """Build the verdict, not yet stored."""


class VerdictBoard(Protocol):
    """Be the part of the registry where data scientists read verdicts."""

    def record_verdict(self, version: int, verdict: Verdict) -> None:
        """Show a verdict beside its version."""


class ChampionAlias(Protocol):
    """Be what keeps MLflow's alias at the champion."""

    def follow(self) -> None:
        """Point the alias at the champion."""


@dataclass(frozen=True)
class Evaluator:
    """Judge challengers in the order they were trained: one verdict each, however often the event comes."""

    challenges: ChallengeStore
    judge: Judge
    board: VerdictBoard
    alias: ChampionAlias

    def on_model_trained(self, event: ModelTrained) -> list[Event]:
        """Score challenger and champion on the batch's test tweets; promote the better."""
        challenge = self.challenges.read_challenge(event)
        verdict, promotion = challenge.verdict, challenge.promotion
        if verdict is None or not challenge.is_decided:
            verdict, promotion = self._decide(challenge)
        self._show_in_mlflow(event.model_version, verdict)
        return [Champion.from_row(promotion).to_event()] if promotion else []

    def on_dead_lettered(self, event: ModelTrained, reason: str) -> None:
        """Record that no verdict could be reached; an event that no training stands behind leaves no trace."""
        try:
            challenge = self.challenges.read_challenge(event)
        except Unusable as error:
            log.warning("an event was refused", reason=str(error), event_id=str(event.id))
            return
        verdict = build_verdict(challenge, outcome="failed", reason=reason, rule="none")
        self.challenges.record_failure(verdict)

    def _decide(self, challenge: Challenge) -> tuple[Verdict, Promotion | None]:
        if challenge.unjudged:
            raise NotYet(f"versions {', '.join(map(str, challenge.unjudged))} are judged first")
        verdict = self.judge.compare(challenge)
        promotion = build_promotion(challenge, verdict) if verdict.outcome == "promoted" else None
        verdict = self.challenges.settle(verdict, promotion, challenge.champion)
        log.info(
            "verdict", outcome=verdict.outcome, version=verdict.challenger_version, reason=verdict.reason
        )
        return verdict, promotion

    def _show_in_mlflow(self, version: int, verdict: Verdict) -> None:
        """Wait for a server that is away; all else, a version deleted by hand say, must not keep a promotion back."""
        try:
            self.board.record_verdict(version, verdict)
            self.alias.follow()
        except (ServerAway, *POSTGRES_AWAY):
            raise
        except Exception as error:  # noqa: BLE001  (what counts is settled in Postgres)
            log.warning("verdict not shown in MLflow", version=version, reason=summarise_error(error))
