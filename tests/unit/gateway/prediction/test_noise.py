"""What is noise, where the model knows its own and where it does not."""

from __future__ import annotations

import pytest
from viral_gateway.prediction.noise import Scored, is_clear

from tests.unit.gateway.fakes import make_spec


@pytest.mark.parametrize(("log_likes", "clear"), [(2.4, False), (2.5, True), (1.5, True), (1.6, False)])
def test_a_model_that_knows_its_noise_is_asked(log_likes: float, clear: bool) -> None:
    spec = make_spec(says_likes=True)

    assert is_clear(Scored(0.5, 2.0), Scored(0.5, log_likes), spec) is clear


@pytest.mark.parametrize(
    ("probability", "threshold", "clear"), [(0.51, 0.5, True), (0.505, 0.5, False), (0.505, 0.2, True)]
)
def test_else_a_point_is_more_than_noise_and_less_where_viral_tweets_are_rare(
    probability: float, threshold: float, clear: bool
) -> None:
    spec = make_spec(decision_threshold=threshold)

    assert is_clear(Scored(0.5), Scored(probability), spec) is clear
