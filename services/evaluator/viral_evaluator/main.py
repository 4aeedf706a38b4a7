"""Run the evaluator (`viral-evaluator run`)."""

from __future__ import annotations

from viral_common.delivery.service import Service
from viral_common.events import ModelTrained
from viral_common.logging import configure_logging
from viral_common.registry.versions import Registry
from viral_common.settings import load_settings
from viral_common.signing.signer import make_signer
from viral_common.signing.trust import make_trust

from viral_evaluator.alias_follower import AliasFollower
from viral_evaluator.challenges import PostgresChallenges
from viral_evaluator.handlers import Evaluator
from viral_evaluator.judging import JudgeInChild
from viral_evaluator.settings import EvaluatorSettings


def main() -> None:
    """Judge challengers until stopped."""
    settings = load_settings(EvaluatorSettings)
    configure_logging("evaluator", settings)
    signer = make_signer(settings)
    make_trust(settings)  # what is wrong with it is reported now, not with the first challenger
    with Service("evaluator", settings) as service:
        registry = Registry(settings.mlflow_url)
        alias = AliasFollower(service.sessions, registry, settings.alias_s)
        challenges = PostgresChallenges(
            service.sessions, settings.order_wait, signer.sign_promotion if signer else None
        )
        evaluator = Evaluator(challenges, JudgeInChild(service.stopping), registry, alias)
        service.handle(ModelTrained, evaluator.on_model_trained, evaluator.on_dead_lettered)
        service.add_background_task("alias follower", alias.run, longest_turn_s=60)
        service.run()
