"""The order of drafts, and which stand together."""

from __future__ import annotations

from viral_common.tweets.features import TweetInput
from viral_gateway.prediction.noise import Scored
from viral_gateway.prediction.ranking import Ranking

from tests.unit.gateway.fakes import NOON, make_spec


def rank(*scores: Scored, says_likes: bool = True) -> Ranking:
    return Ranking.from_scores(TweetInput("hi", NOON), Scored(0.3), scores, make_spec(says_likes=says_likes))


def test_expected_likes_decide_even_against_the_probability() -> None:
    ranking = rank(Scored(0.6, 1.0), Scored(0.5, 2.0))

    assert [draft.index for draft in ranking.drafts] == [1, 0]
    assert ranking.usual == 0.3


def test_a_chain_of_small_steps_is_one_group_and_a_clear_step_begins_another() -> None:
    ranking = rank(*(Scored(0.5, log_likes) for log_likes in (0.0, 2.0, 1.7, 1.4)))

    assert [[draft.index for draft in group] for group in ranking.groups] == [[1, 2, 3], [0]]


def test_without_likes_the_probability_decides() -> None:
    ranking = rank(Scored(0.4), Scored(0.6), Scored(0.405), says_likes=False)

    assert [[draft.index for draft in group] for group in ranking.groups] == [[1], [2, 0]]
    assert {draft.confidence for draft in ranking.drafts} == {None}
    assert {draft.expected_likes for draft in ranking.drafts} == {None}


def test_a_model_that_does_not_know_its_noise_calls_no_draft_better_against_the_probability() -> None:
    spec = make_spec(says_likes=True).model_copy(update={"drafts": None})
    scores = [Scored(0.6, 1.0), Scored(0.5, 2.0), Scored(0.4, 0.5)]

    ranking = Ranking.from_scores(TweetInput("hi", NOON), Scored(0.3), scores, spec)

    assert [(draft.index, draft.differs) for draft in ranking.drafts] == [(1, False), (0, True), (2, None)]
    assert {draft.confidence for draft in ranking.drafts} == {None}
