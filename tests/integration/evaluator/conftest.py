"""An evaluator on real Postgres whose models are made up."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest
from viral_common.database.engine import Sessions
from viral_common.settings import CommonSettings
from viral_common.stores.tweets import TweetStore
from viral_evaluator.alias_follower import Aliases
from viral_evaluator.handlers import Evaluator
from viral_evaluator.judge import Judge
from viral_evaluator.promotion_rule import PromotionRule
from viral_evaluator.scoring import Scorer
from viral_evaluator.settings import EvaluatorSettings

from tests.integration.evaluator.stage import Models


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def evaluator(db: Sessions, settings: CommonSettings, models: Models) -> Evaluator:
    own = EvaluatorSettings.model_validate(settings.model_dump())
    judge = Judge(TweetStore(db), cast(Scorer, models), PromotionRule(resamples=500), own)
    return Evaluator(db, judge, models, Aliases(db, models, 30), timedelta(hours=1))
