"""A figure says the same in bench.json and on the screen."""

from __future__ import annotations

from tests.bench.figures import Figure


def test_a_ratio_above_one_is_better_whichever_way_the_unit_counts() -> None:
    faster = Figure("training", 100.0, "s", "theirs", 1_250.0, "≤ 120 s", True, less_is_better=True)
    more = Figure("scoring", 5_000.0, "tweets/s", "theirs", 500.0, "≥ 5,000", True)

    assert (faster.ratio, more.ratio) == (12.5, 10.0)


def test_a_small_figure_keeps_its_decimals() -> None:
    auc = Figure("quality", 0.78512, "AUC", "trees", 0.759, "≥ 0.785", True)
    rate = Figure("scoring", 5_123.4, "tweets/s", "theirs", 512.3, "≥ 5,000", True)

    assert auc.cells()[1] == "0.785 AUC"
    assert rate.cells()[1] == "5,123 tweets/s"


def test_a_figure_may_stand_alone() -> None:
    alone = Figure("peak memory", 1_500.0, "MB", None, None, "≤ 2,000 MB", True, less_is_better=True)

    assert alone.row() == {
        "name": "peak memory",
        "value": 1_500.0,
        "unit": "MB",
        "rival": None,
        "rival_value": None,
        "ratio": None,
        "target": "≤ 2,000 MB",
        "met": True,
    }
    assert alone.cells()[2:5] == ["–", "–", "–"]
