"""The stability index against values worked out by hand, and the bins it is counted in."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from viral_common.evaluation.drift import (
    compute_stability_index,
    count_in_bins,
    estimate_chance_index,
    name_level,
)

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)


def counts(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def test_the_index_is_the_sum_of_shifts_weighted_by_their_log_ratio() -> None:
    million = 10**6

    index = compute_stability_index(counts(5 * million, 5 * million), counts(7 * million, 3 * million))

    assert index == pytest.approx(0.2 * log(0.7 / 0.5) - 0.2 * log(0.3 / 0.5), abs=1e-6)


@given(COUNTS, st.integers(0, 10**6))
def test_a_value_that_is_gone_has_a_finite_weight(before: list[int], more: int) -> None:
    index = compute_stability_index(counts(*before, more), counts(*reversed(before), 0))

    assert np.isfinite(index)
    assert index >= 0


def test_neither_direction_is_preferred_and_unused_bins_change_nothing() -> None:
    one, other = counts(10, 30, 60), counts(40, 30, 30)

    assert compute_stability_index(one, other) == pytest.approx(compute_stability_index(other, one))
    assert compute_stability_index(counts(10, 0, 30, 60), counts(40, 0, 30, 30)) == compute_stability_index(
        one, other
    )
    assert compute_stability_index(one, one) == 0


def test_two_draws_from_one_distribution_are_stable() -> None:
    rng = np.random.default_rng(7)
    one, other = rng.lognormal(size=5_000), rng.lognormal(size=5_000)

    assert name_level(compute_stability_index(*count_in_bins(one, other))) == "stable"
    assert name_level(compute_stability_index(*count_in_bins(one, other * 2))) == "large"


def test_few_values_are_counted_one_by_one() -> None:
    before, after = count_in_bins(np.array([0, 0, 1, 3]), np.array([3, 3, 3, 2]))

    assert (before.tolist(), after.tolist()) == ([2, 1, 0, 1, 0], [0, 0, 1, 3, 0])


def test_many_values_are_counted_in_tenths_and_a_common_one_by_itself() -> None:
    before = np.concatenate([np.zeros(500), np.arange(1, 501)])

    first, second = count_in_bins(before, np.full(10, 1e9))

    assert first.tolist() == [500, 100, 100, 100, 100, 100, 0]
    assert second.tolist() == [0, 0, 0, 0, 0, 10, 0]


def test_what_is_no_number_has_the_last_bin() -> None:
    before, after = count_in_bins(np.array([np.nan, 1.0]), np.array([np.nan, np.nan]))

    assert (before.tolist(), after.tolist()) == ([1, 1], [0, 2])


def test_no_tweets_at_all_drift_nowhere() -> None:
    nothing = np.array([], dtype=np.float64)

    assert compute_stability_index(*count_in_bins(nothing, nothing)) == 0


@pytest.mark.parametrize(("index", "name"), [(0.09, "stable"), (0.1, "moderate"), (0.25, "large")])
def test_the_usual_thresholds_name_the_index(index: float, name: str) -> None:
    assert name_level(index) == name


@pytest.mark.parametrize("bins", [2, 10, 24])
def test_chance_is_what_two_draws_from_the_same_tweets_stay_below(bins: int) -> None:
    rng = np.random.default_rng(11)
    pairs = [rng.multinomial(count, np.full(bins, 1 / bins), 1_000) for count in (2_000, 1_000)]

    stayed = [
        compute_stability_index(one, other) <= estimate_chance_index(one, other)
        for one, other in zip(*pairs, strict=True)
    ]

    assert 0.93 < np.mean(stayed) < 0.97


def test_what_chance_explains_is_called_stable_and_one_value_says_nothing() -> None:
    assert name_level(0.3, by_chance=0.4) == "stable"
    assert name_level(0.3, by_chance=0.2) == "large"
    assert estimate_chance_index(counts(10), counts(20)) == 0
