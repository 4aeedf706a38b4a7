"""Compares a challenger with the champion and words the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid5

import numpy as np
from viral_common.database.tables import Promotion, Verdict
from viral_common.errors import ArtefactError
from viral_common.evaluation.intervals import compute_scores_with_intervals
from viral_common.evaluation.scores import Labels, explain_shortage
from viral_common.events import ModelTrained
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.tweet import stack_labels, take_inputs

from viral_evaluator.int8_choice import Choice, chosen
from viral_evaluator.promotion_rule import Decision, PromotionRule
from viral_evaluator.scoring import Scored, Scorer
from viral_evaluator.settings import EvaluatorSettings

_TOO_FEW = "the batch has {} labelled test tweets, {} are needed (VIRAL_MIN_TEST_TWEETS)"
_OTHER_THRESHOLD = (
    "it was trained for more than {} likes, the evaluator asks for more than {}: "
    "give both services the same VIRAL_LIKES_THRESHOLD"
)


@dataclass(frozen=True)
class Judge:
    """Both versions answer the same test tweets through the graphs that would be served."""

    tweets: TweetStore
    scorer: Scorer
    rule: PromotionRule
    settings: EvaluatorSettings

    def compare(self, event: ModelTrained, champion: Promotion | None) -> Verdict:
        """The verdict, not yet stored. Raises ArtefactError if the champion's own artefact is damaged."""
        tweets = self.tweets.read_labelled([event.batch_id], "test", self.settings.label_rule)
        labels = stack_labels(tweets)
        if len(labels) < self.settings.min_test_tweets:
            return self._unscorable(event, _TOO_FEW.format(len(labels), self.settings.min_test_tweets))
        if lack := explain_shortage(labels, "test", self.settings.likes_threshold):
            return self._unscorable(event, lack)
        inputs = take_inputs(tweets)
        try:
            graphs = self.scorer.score_each(event.artifact_uri, event.artifact_sha256, inputs)
        except ArtefactError as error:
            return self._unscorable(event, f"the challenger's artefact was refused: {error}")
        challenger = chosen(labels, graphs, int8_allowed=self.settings.serve_int8)
        if (trained_for := challenger.scored.spec.likes_threshold) != self.settings.likes_threshold:
            return self._unscorable(
                event, _OTHER_THRESHOLD.format(trained_for, self.settings.likes_threshold)
            )
        if champion is None:
            return self._against_majority(event, labels, challenger, "there is no champion yet")
        rival = self.scorer.score(champion.artifact_uri, champion.artifact_sha256, inputs, champion.precision)
        if rival.spec.likes_threshold != challenger.scored.spec.likes_threshold:
            why = f"the champion asks for more than {rival.spec.likes_threshold} likes"
            return self._against_majority(event, labels, challenger, why)
        return self._against_champion(event, champion.model_version, labels, challenger, rival)

    def _against_majority(self, event: ModelTrained, labels: Labels, challenger: Choice, why: str) -> Verdict:
        # The majority class as a probability: it says the training tweets' share of viral ones, always.
        constant = np.full(len(labels), challenger.scored.spec.training.viral_rate)
        decision = self.rule.decide(labels, challenger.scored.probabilities, constant)
        beats = "beats" if decision.promoted else "does not clearly beat"
        reason = (
            f"{why}; version {event.model_version} {beats} the majority class: {_figures(decision, labels)}"
        )
        return self._decided(event, decision, reason, labels, challenger)

    def _against_champion(
        self, event: ModelTrained, champion_version: int, labels: Labels, challenger: Choice, rival: Scored
    ) -> Verdict:
        decision = self.rule.decide(labels, challenger.scored.probabilities, rival.probabilities)
        beats = "is better than" if decision.promoted else "is not clearly better than"
        reason = (
            f"version {event.model_version} {beats} champion {champion_version}: {_figures(decision, labels)}"
        )
        return self._decided(
            event,
            decision,
            reason,
            labels,
            challenger,
            champion_version=champion_version,
            champion_metrics=_scores(labels, rival),
        )

    def _decided(
        self,
        event: ModelTrained,
        decision: Decision,
        reason: str,
        labels: Labels,
        challenger: Choice,
        **fields: object,
    ) -> Verdict:
        return blank_verdict(
            event,
            outcome="promoted" if decision.promoted else "kept",
            reason=reason + challenger.told,
            precision=challenger.precision,
            challenger_metrics=_scores(labels, challenger.scored) | challenger.metrics,
            rule=self.rule.name,
            confidence=self.rule.confidence,
            interval_low=decision.low,
            interval_high=decision.high,
            test_count=decision.count,
            **fields,
        )

    def _unscorable(self, event: ModelTrained, reason: str) -> Verdict:
        return blank_verdict(event, outcome="unscorable", reason=reason, rule=self.rule.name)


def blank_verdict(event: ModelTrained, **fields: object) -> Verdict:
    """A verdict about the event's challenger; its id is the same on every run of the handler."""
    return Verdict(
        id=uuid5(event.id, "verdict"),
        event_id=event.id,
        batch_id=event.batch_id,
        challenger_version=event.model_version,
        **fields,
    )


def _scores(labels: Labels, scored: Scored) -> dict[str, float]:
    return compute_scores_with_intervals(labels, scored.probabilities, scored.spec.decision_threshold)


def _figures(decision: Decision, labels: Labels) -> str:
    return (
        f"log loss lower by {decision.gain:.4f} a tweet, interval {decision.low:+.4f} to {decision.high:+.4f}, "
        f"on {len(labels):,} test tweets"
    )
