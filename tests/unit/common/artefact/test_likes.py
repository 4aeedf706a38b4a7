"""What a model says of its own errors: how many likes, and which drafts can be told apart."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError
from viral_common.artefact.likes import DraftsSpec, LikesSpec

LEVELS = LikesSpec(
    levels=(0.0, 1.0, 3.0), low=(0.0, 0.0, math.log(11)), high=(math.log(2), math.log(5), math.log(101))
)


def test_between_levels_the_interval_lies_between_theirs() -> None:
    assert LEVELS.compute_interval(-1.0) == pytest.approx((0, 1))
    assert LEVELS.compute_interval(3.0) == pytest.approx((10, 100))
    low, high = LEVELS.compute_interval(2.0)
    assert 0 < low < 10
    assert 4 < high < 100


def test_levels_without_their_ends_are_refused() -> None:
    with pytest.raises(ValidationError, match="equally long"):
        LikesSpec(levels=(0.0, 1.0), low=(0.0,), high=(1.0,))


def test_the_surer_the_larger_the_difference_whichever_draft_is_ahead() -> None:
    drafts = DraftsSpec(slope=2.0, slope_low=1.0, authors=100)

    assert drafts.compute_confidence(0.0) == 0.5
    assert 0.5 < drafts.compute_confidence(0.1) < drafts.compute_confidence(-1.0) < 1.0
    assert drafts.compute_confidence(1e6) == 1.0


def test_a_difference_is_clear_when_its_lower_end_reaches_three_in_five() -> None:
    drafts = DraftsSpec(slope=2.0, slope_low=1.0, authors=100)

    assert not drafts.is_clear(math.log(1.5) - 0.01)
    assert drafts.is_clear(-math.log(1.5) - 0.01)


def test_where_nothing_was_learned_no_difference_is_clear() -> None:
    drafts = DraftsSpec(slope=1.0, slope_low=0.0, authors=100)

    assert not drafts.is_clear(1e9)
