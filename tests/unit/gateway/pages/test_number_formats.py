"""Figures and words as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from viral_gateway.pages import number_formats, result
from viral_gateway.prediction.explain import Word, WordWeight

from tests.unit.gateway.fakes import NOON, make_spec


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
    assert result.describe_probability(probability, make_spec()) == words


@pytest.mark.parametrize(
    ("likes", "goal", "question"),
    [
        (0, "a like", "Will this tweet get likes?"),
        (1, "more than 1 like", "Will this tweet get more than 1 like?"),
        (10, "more than 10 likes", "Will this tweet get more than 10 likes?"),
        (100, "more than 100 likes", "Will this tweet get more than 100 likes?"),
    ],
)
def test_the_words_name_the_threshold(likes: int, goal: str, question: str) -> None:
    assert result.describe_probability(0.7, make_spec(likes_threshold=likes)) == f"Likely to get {goal}"
    assert number_formats.format_question(likes) == question


def test_a_tweet_that_stands_out_where_likes_are_rare_is_said_to() -> None:
    model = make_spec(likes_threshold=10, decision_threshold=0.18, viral_rate=0.09)

    assert (
        result.describe_probability(0.27, model)
        == "Unlikely to get more than 10 likes, yet 3.0 times as likely as the average tweet"
    )
    assert result.describe_probability(0.17, model) == "Very unlikely to get more than 10 likes"


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "–"),
        (0, "0%"),
        (0.0001, "<0.1%"),
        (0.0312, "3.1%"),
        (0.0999, "10%"),
        (0.6249, "62%"),
        (1, "100%"),
    ],
)
def test_small_shares_keep_a_decimal(share: float | None, shown: str) -> None:
    assert number_formats.format_percent(share) == shown


def test_times_and_durations() -> None:
    assert number_formats.format_time(NOON) == "23 Nov 2026, 12:00 UTC"
    assert number_formats.format_day(NOON.replace(day=1)) == "1 Nov 2026"
    assert number_formats.format_duration(NOON, NOON + timedelta(minutes=1, seconds=40)) == "1 min 40 s"
    assert number_formats.format_duration(NOON, NOON) == "0 s"


def test_weights_have_a_sign_and_one_of_five_styles() -> None:
    words = [piece for piece in shown([0.2, 0.02, -0.0001, -0.02, -0.2]) if piece.style]

    assert [word.points for word in words] == ["+20.0", "+2.0", "0.0", "−2.0", "−20.0"]
    assert [word.style for word in words] == ["up-much", "up-some", "even", "down-some", "down-much"]


def test_the_text_keeps_its_spaces_between_the_words() -> None:
    assert "".join(piece.text for piece in shown([0.2, 0.0])) == " w  w "


def test_where_viral_tweets_are_rare_less_weight_is_much() -> None:
    [common], [rare] = shown([0.012])[1:2], shown([0.012], strong=0.01)[1:2]

    assert (common.style, rare.style) == ("up-some", "up-much")


def test_the_lists_begin_with_the_words_that_do_most() -> None:
    weights = weighed([0.02, -0.03, 0.2, 0.0, -0.2])

    lowers = result.list_strongest(sorted(weights, key=lambda found: found.weight), "down", 0.05)

    assert [word.points for word in lowers] == ["−20.0", "−3.0"]


def weighed(weights: list[float]) -> list[WordWeight]:
    """Weigh the words of ` w  w  w `."""
    return [
        WordWeight(Word("w", 3 * n + 1, 3 * n + 2), weight, abs(weight) >= 0.01)
        for n, weight in enumerate(weights)
    ]


def shown(weights: list[float], strong: float = 0.05) -> list[result.TextPiece]:
    return result.mark_words(" w " * len(weights), weighed(weights), strong)
