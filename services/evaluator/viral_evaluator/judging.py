"""Judge a challenger in a process of its own: what scoring takes, 250 MB and more, goes back when it ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from viral_common.child import answer_parent, run_in_child
from viral_common.database.engine import connect, make_sessions, translate_outage
from viral_common.database.tables import Verdict
from viral_common.logging import configure_logging
from viral_common.settings import load_settings
from viral_common.stores import ledger

from viral_evaluator.challenges import Challenge, build_verdict
from viral_evaluator.settings import EvaluatorSettings


@dataclass(frozen=True)
class JudgeInChild:
    """Judge as `Judge` does, in a process of its own."""

    stopping: threading.Event

    def compare(self, challenge: Challenge) -> Verdict:
        """Build the verdict, not yet stored."""
        version = challenge.training.model_version
        decided = run_in_child(__name__, version, f"judging version {version}", stopping=self.stopping)
        return build_verdict(challenge, **decided)


def _judge(version: int) -> dict[str, Any]:
    from viral_common.registry.versions import Registry
    from viral_common.signing.trust import make_trust
    from viral_common.stores.tweets import TweetStore

    from viral_evaluator.judge import Judge
    from viral_evaluator.promotion_rule import PromotionRule
    from viral_evaluator.scoring import Scorer

    settings = load_settings(EvaluatorSettings)
    configure_logging("evaluator", settings)
    sessions = make_sessions(connect(settings, "viral-evaluator judging"))
    scorer = Scorer(Registry(settings.mlflow_url), settings.data_dir / "evaluator", make_trust(settings))
    judge = Judge(TweetStore(sessions), scorer, PromotionRule(settings.confidence), settings)
    with translate_outage():
        with sessions() as session:
            training = ledger.find_training_by_version(session, version)
            champion = ledger.find_champion(session)
        assert training is not None  # noqa: S101  (no row is ever deleted, and the parent saw it)
        verdict = judge.compare(Challenge(training, champion=champion))
    # What `build_verdict` does not know of the challenge.
    decided = {
        name: found for name, found in vars(verdict).items() if isinstance(found, str | float | int | dict)
    }
    del decided["challenger_version"]
    return decided


if __name__ == "__main__":
    answer_parent(_judge)
