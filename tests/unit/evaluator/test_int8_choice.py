"""In which precision a challenger is served."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from viral_common.events import Precision
from viral_evaluator.int8_choice import choose_precision
from viral_evaluator.scoring import Scored

VIRAL = 10


def scored(quiet: int, pairs_swapped: int) -> Scored:
    """Perfect but for some pairs of a viral and a quiet tweet; each costs 1 / (VIRAL * quiet) of AUC."""
    probabilities = np.linspace(0.1, 0.9, quiet + VIRAL)
    first = quiet - pairs_swapped
    probabilities[first : quiet + 1] = np.roll(probabilities[first : quiet + 1], -1)
    return Scored(cast(Any, None), probabilities, np.array([]), np.array([]))


def labels(quiet: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.arange(quiet + VIRAL) >= quiet


@pytest.mark.parametrize(
    ("quiet", "pairs_swapped", "precision"),
    [(50, 0, "int8"), (100, 1, "int8"), (50, 1, "fp32"), (50, 5, "fp32")],
    ids=["none lost", "0.001 lost", "0.002 lost", "0.010 lost"],
)
def test_int8_serves_unless_it_loses_too_much_auc(
    quiet: int, pairs_swapped: int, precision: Precision
) -> None:
    graphs: dict[Precision, Scored] = {"fp32": scored(quiet, 0), "int8": scored(quiet, pairs_swapped)}

    choice = choose_precision(labels(quiet), graphs)

    assert choice.precision == precision
    assert choice.scored is graphs[precision]


def test_an_int8_graph_that_is_even_better_serves() -> None:
    assert choose_precision(labels(50), {"fp32": scored(50, 3), "int8": scored(50, 0)}).precision == "int8"


def test_where_int8_is_not_wanted_fp32_serves() -> None:
    graphs: dict[Precision, Scored] = {"fp32": scored(50, 0), "int8": scored(50, 0)}

    assert choose_precision(labels(50), graphs, int8_allowed=False).precision == "fp32"


def test_the_choice_says_both_figures() -> None:
    choice = choose_precision(labels(50), {"fp32": scored(50, 0), "int8": scored(50, 5)})

    assert choice.sentence_end == "; AUC 1.0000 in fp32, 0.9900 in int8: to serve in fp32"
    assert choice.metrics == pytest.approx({"auc_fp32": 1.0, "auc_int8": 0.99})


def test_without_an_int8_graph_there_is_no_choice_and_nothing_to_say() -> None:
    choice = choose_precision(labels(50), {"fp32": scored(50, 1)})

    assert (choice.precision, choice.sentence_end, choice.metrics) == ("fp32", "", {})
