"""Run the evaluator (`viral-evaluator run`)."""

from __future__ import annotations

from viral_common.delivery.service import Service
from viral_common.events import ModelTrained
from viral_common.logging import configure_logging
from viral_common.registry.versions import Registry
from viral_common.settings import load_settings
from viral_common.signing.signer import make_signer
from viral_common.signing.trust import make_trust
from viral_common.stores.tweets import TweetStore

from viral_evaluator.alias_follower import AliasFollower
from viral_evaluator.challenges import PostgresChallenges
from viral_evaluator.handlers import Evaluator
from viral_evaluator.judge import Judge
from viral_evaluator.promotion_rule import PromotionRule
from viral_evaluator.scoring import Scorer
from viral_evaluator.settings import EvaluatorSettings


def main() -> None:
    """Judge challengers until stopped."""
    settings = load_settings(EvaluatorSettings)
    configure_logging("evaluator", settings)
    trust, signer = make_trust(settings), make_signer(settings)
    with Service("evaluator", settings) as service:
        registry = Registry(settings.mlflow_url)
        alias = AliasFollower(service.sessions, registry, settings.alias_s)
        scorer = Scorer(registry, settings.data_dir / "evaluator", trust)
        judge = Judge(TweetStore(service.sessions), scorer, PromotionRule(settings.confidence), settings)
        challenges = PostgresChallenges(
            service.sessions, settings.order_wait, signer.sign_promotion if signer else None
        )
        evaluator = Evaluator(challenges, judge, registry, alias)
        service.handle(ModelTrained, evaluator.on_model_trained, evaluator.on_dead_lettered)
        service.add_background_task("aliases", alias.run)
        service.run()
