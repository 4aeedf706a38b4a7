"""The newest batch against the one before it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp
from viral_trainer.eda.on_run import build_drift_metrics
from viral_trainer.eda.topics.drift import compare_with_before, compute_drift, compute_shift
from viral_trainer.eda.word_table import build_word_table

from tests.factories import make_columns, make_described, make_described_tweet, make_some_columns


def test_the_same_tweets_again_have_not_drifted() -> None:
    columns = make_some_columns()

    drift = compute_drift(columns, columns, build_word_table(columns.texts), 0)

    assert {shift.level for shift in drift.shifts} == {"stable"}
    assert max(drift.indices.values()) == 0
    assert (drift.change, drift.novelty.share, drift.texts_seen) == (0, 0, 1)


def test_a_shift_names_the_feature_that_moved() -> None:
    before = make_columns([make_described_tweet(f"one two {n}", photos=n % 2) for n in range(400)])
    after = make_columns([make_described_tweet(f"one two {n}", likes=5, photos=3) for n in range(400)])

    drift = compute_drift(before, after, build_word_table(after.texts), 0)

    assert {shift.name for shift in drift.shifts if shift.level == "large"} == {"photos_count", "like_count"}
    assert drift.change == 1
    assert drift.after.interval[0] > 0.9


def test_what_chance_would_do_is_no_shift() -> None:
    rng = np.random.default_rng(3)

    shifts = [compute_shift("x", rng.integers(0, 8, 60), rng.integers(0, 8, 60)) for _ in range(200)]

    assert np.mean([shift.index > 0.1 for shift in shifts]) > 0.5, "so few tweets look unstable"
    assert np.mean([shift.level != "stable" for shift in shifts]) < 0.1


def test_many_values_also_have_a_distance() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.normal(size=500).astype(np.float32), rng.normal(1, size=400).astype(np.float32)

    shift = compute_shift("x", before, after)

    assert shift.distance == pytest.approx(ks_2samp(before, after).statistic)
    assert compute_shift("x", before.round(), after.round()).distance is None


def test_new_words_are_weighted_by_their_uses() -> None:
    before = make_columns([make_described_tweet("old words"), make_described_tweet("more old words")])
    after = make_columns([make_described_tweet("old words"), make_described_tweet("brand new words")])

    drift = compute_drift(before, after, build_word_table(after.texts), 0)

    assert (drift.novelty.new, drift.novelty.different) == (2, 4)
    assert drift.novelty.share == 2 / 5
    assert drift.texts_seen == 1 / 2


def test_the_run_gets_every_feature_and_the_viral_share() -> None:
    drift = compare_with_before(make_described(before=make_some_columns(seed=8)))

    assert drift
    metrics = build_drift_metrics(drift)
    assert {"drift_psi_word_count", "drift_psi_like_count", "drift_viral_rate", "drift_new_words"} <= set(
        metrics
    )
    assert all(np.isfinite(value) for value in metrics.values())
