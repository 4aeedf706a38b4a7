"""Figures as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from viral_gateway import views
from viral_gateway.schemas import WordWeightOut

from tests.unit.gateway.fakes import NOON


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.95, "Very likely to get a like"),
        (0.5, "A little more likely than not to get a like"),
        (0.49, "A little less likely than not to get a like"),
        (0.1, "Very unlikely to get a like"),
    ],
)
def test_a_probability_in_words(probability: float, words: str) -> None:
    assert views.in_words(probability, threshold=0) == words


def test_the_words_name_another_threshold() -> None:
    assert views.in_words(0.7, threshold=10) == "Likely to get more than 10 likes"


def test_times_and_durations() -> None:
    assert views.utc(NOON) == "23 Nov 2026, 12:00 UTC"
    assert views.day(NOON.replace(day=1)) == "1 Nov 2026"
    assert views.took(NOON, NOON + timedelta(minutes=1, seconds=40)) == "1 min 40 s"
    assert views.took(NOON, NOON) == "0 s"


def test_weights_have_a_sign_and_one_of_five_styles() -> None:
    weights = [0.2, 0.02, -0.0001, -0.02, -0.2]

    shown = views.shown_words([WordWeightOut(word="w", start=0, end=1, weight=w) for w in weights])

    assert [word.points for word in shown] == ["+20.0", "+2.0", "0.0", "−2.0", "−20.0"]
    assert [word.style for word in shown] == ["up-much", "up-some", "even", "down-some", "down-much"]
