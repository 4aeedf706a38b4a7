"""Set up an evaluator on real Postgres whose models are made up."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest
from viral_common.database.engine import Sessions
from viral_common.settings import CommonSettings
from viral_common.stores.tweets import TweetStore
from viral_evaluator.alias_follower import AliasFollower
from viral_evaluator.challenges import PostgresChallenges
from viral_evaluator.handlers import Evaluator
from viral_evaluator.judge import Judge
from viral_evaluator.promotion_rule import PromotionRule
from viral_evaluator.scoring import Scorer
from viral_evaluator.settings import EvaluatorSettings

from tests.signing import EVALUATOR
from tests.unit.evaluator.fakes import FakeModels


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
def alias(db: Sessions, models: FakeModels) -> AliasFollower:
    return AliasFollower(db, models, every_s=0.01)


@pytest.fixture
def evaluator(db: Sessions, settings: CommonSettings, models: FakeModels, alias: AliasFollower) -> Evaluator:
    own = EvaluatorSettings.model_validate(settings.model_dump())
    judge = Judge(TweetStore(db), cast(Scorer, models), PromotionRule(resamples=500), own)
    return Evaluator(
        PostgresChallenges(db, timedelta(hours=1), EVALUATOR.sign_promotion), judge, models, alias
    )
