"""Compare a challenger with the champion and word the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import numpy as np
from viral_common.database.tables import Verdict
from viral_common.errors import ArtefactError, OtherFeaturesError, SignatureError
from viral_common.evaluation.intervals import FEWEST_CLUSTERS, compute_scores_with_intervals
from viral_common.evaluation.scores import explain_shortage
from viral_common.evaluation.within_author import compute_within_author
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import Split
from viral_common.tweets.tweet import LabelledTweet

from viral_evaluator.challenges import Challenge, build_verdict
from viral_evaluator.held_out import HeldOutTweets
from viral_evaluator.int8_choice import Choice, choose_precision
from viral_evaluator.promotion_rule import Decision, PromotionRule
from viral_evaluator.scoring import Scored, Scorer
from viral_evaluator.settings import EvaluatorSettings

_TOO_FEW = "the batch has {} labelled test tweets, {} are needed (VIRAL_MIN_TEST_TWEETS)"
_TOO_FEW_AUTHORS = "the {} test tweets are by {} authors, {} are needed, so that no single account decides"
_OTHER_THRESHOLD = (
    "it was trained for more than {} likes, the evaluator asks for more than {}: "
    "give both services the same VIRAL_LIKES_THRESHOLD"
)


class LabelledTweets(Protocol):
    """Be the part of the tweet store that judging needs."""

    def read_labelled(self, batch_ids: Sequence[UUID], split: Split, rule: LabelRule) -> list[LabelledTweet]:
        """Read the batches' tweets of a split, with their labels."""


@dataclass(frozen=True)
class Judge:
    """Let both versions answer the same test tweets through the graphs that would be served."""

    tweets: LabelledTweets
    scorer: Scorer
    rule: PromotionRule
    settings: EvaluatorSettings

    def compare(self, challenge: Challenge) -> Verdict:
        """Build the verdict, not yet stored. Raises ArtefactError if the champion's own artefact is damaged."""
        training, champion = challenge.training, challenge.champion
        tweets = HeldOutTweets.from_tweets(
            self.tweets.read_labelled([training.batch_id], "test", self.settings.label_rule)
        )
        if lack := self._explain_shortage(tweets):
            return self._build_unscorable(challenge, lack)
        try:
            graphs = self.scorer.score_each(training, tweets)
        except ArtefactError as error:
            return self._build_unscorable(challenge, f"the challenger's artefact was refused: {error}")
        challenger = choose_precision(tweets.labels, graphs, int8_allowed=self.settings.serve_int8)
        if (trained_for := challenger.scored.spec.likes_threshold) != self.settings.likes_threshold:
            return self._build_unscorable(
                challenge, _OTHER_THRESHOLD.format(trained_for, self.settings.likes_threshold)
            )
        if champion is None:
            return self._compare_with_majority(challenge, tweets, challenger, "there is no champion yet")
        try:
            rival = self.scorer.score(champion, tweets)
        except (SignatureError, OtherFeaturesError) as error:
            # No gateway of this version serves it either: the next challenger must not have to beat it.
            why = f"the champion was refused: {error}"
            return self._compare_with_majority(challenge, tweets, challenger, why)
        if rival.spec.likes_threshold != challenger.scored.spec.likes_threshold:
            why = f"the champion asks for more than {rival.spec.likes_threshold} likes"
            return self._compare_with_majority(challenge, tweets, challenger, why)
        return self._compare_with_champion(challenge, champion.model_version, tweets, challenger, rival)

    def _explain_shortage(self, tweets: HeldOutTweets) -> str | None:
        count, authors = len(tweets.labels), len(np.unique(tweets.authors))
        if count < self.settings.min_test_tweets:
            return _TOO_FEW.format(count, self.settings.min_test_tweets)
        if authors < FEWEST_CLUSTERS:
            return _TOO_FEW_AUTHORS.format(count, authors, FEWEST_CLUSTERS)
        return explain_shortage(tweets.labels, "test", self.settings.likes_threshold)

    def _compare_with_majority(
        self, challenge: Challenge, tweets: HeldOutTweets, challenger: Choice, why: str
    ) -> Verdict:
        # The majority class as a probability: it says the training tweets' share of viral ones, always.
        constant = np.full(len(tweets.labels), challenger.scored.spec.training.viral_rate)
        decision = self.rule.decide(tweets.labels, challenger.scored.probabilities, constant, tweets.authors)
        beats = "beats" if decision.promoted else "does not clearly beat"
        version, figures = challenge.training.model_version, _describe_figures(decision)
        reason = f"{why}; version {version} {beats} the majority class: {figures}"
        return self._build_decided(challenge, decision, reason, tweets, challenger)

    def _compare_with_champion(
        self,
        challenge: Challenge,
        champion_version: int,
        tweets: HeldOutTweets,
        challenger: Choice,
        rival: Scored,
    ) -> Verdict:
        decision = self.rule.decide(
            tweets.labels, challenger.scored.probabilities, rival.probabilities, tweets.authors
        )
        beats = "is better than" if decision.promoted else "is not clearly better than"
        version, figures = challenge.training.model_version, _describe_figures(decision)
        reason = f"version {version} {beats} champion {champion_version}: {figures}"
        return self._build_decided(
            challenge,
            decision,
            reason,
            tweets,
            challenger,
            champion_version=champion_version,
            champion_metrics=_compute_scores(tweets, rival),
        )

    def _build_decided(
        self,
        challenge: Challenge,
        decision: Decision,
        reason: str,
        tweets: HeldOutTweets,
        challenger: Choice,
        **fields: object,
    ) -> Verdict:
        return build_verdict(
            challenge,
            outcome="promoted" if decision.promoted else "kept",
            reason=reason + challenger.sentence_end,
            precision=challenger.precision,
            challenger_metrics=_compute_scores(tweets, challenger.scored) | challenger.metrics,
            rule=self.rule.name,
            confidence=self.rule.confidence,
            interval_low=decision.low,
            interval_high=decision.high,
            test_count=decision.count,
            **fields,
        )

    def _build_unscorable(self, challenge: Challenge, reason: str) -> Verdict:
        return build_verdict(challenge, outcome="unscorable", reason=reason, rule=self.rule.name)


def _compute_scores(tweets: HeldOutTweets, scored: Scored) -> dict[str, float]:
    figures = compute_scores_with_intervals(
        tweets.labels, scored.probabilities, tweets.authors, scored.spec.decision_threshold
    )
    return figures | compute_within_author(tweets.paired, scored.paired, scored.paired_log_likes)


def _describe_figures(decision: Decision) -> str:
    return (
        f"log loss lower by {decision.gain:.4f} a tweet, interval {decision.low:+.4f} to {decision.high:+.4f}, "
        f"on {decision.count:,} test tweets by {decision.authors:,} authors"
    )
