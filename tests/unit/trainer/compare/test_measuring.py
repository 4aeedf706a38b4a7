"""A training's memory is its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from viral_common.tweets.tweet import take_inputs
from viral_trainer.compare.contenders import choose_contenders
from viral_trainer.compare.measuring import measure_peak_mb, measure_training
from viral_trainer.compare.parts import split_tweets
from viral_trainer.settings import OfflineSettings

from tests.factories import make_labelled_tweets

BALLAST_MB = 700


def test_what_the_caller_holds_is_not_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    parts = split_tweets(make_labelled_tweets(200), "time", seed=7, likes_threshold=0)
    ballast = np.ones(BALLAST_MB * 1_000_000, dtype=np.uint8)

    run = measure_training(
        choose_contenders("majority"), parts, take_inputs(parts.test)[:7], OfflineSettings()
    )

    assert 20 < run.peak_mb < BALLAST_MB < measure_peak_mb()
    assert ballast[0] == 1
    assert [len(answers) for answers in run.probabilities] == [7]
