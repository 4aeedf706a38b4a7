"""Weights that are no numbers, found in ONNX files of any kind."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from viral_common.artefact.onnx_graph import find_bad_weights


def a_graph(*weights: TensorProto) -> bytes:
    """A file that holds them beside sound ones."""
    sound = [
        numpy_helper.from_array(np.arange(3, dtype=np.float32), "sound"),
        numpy_helper.from_array(np.array([-1, 2]), "whole"),
        helper.make_tensor("listed", TensorProto.FLOAT, [2], [1.0, 2.0]),
    ]
    graph = helper.make_graph([], "graph", [], [], initializer=[*sound, *weights])
    return bytes(helper.make_model(graph).SerializeToString())


def test_sound_weights_are_numbers() -> None:
    assert find_bad_weights(a_graph()) == []


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_that_is_no_number_is_named(kind: type[np.floating], value: float) -> None:
    weights = np.ones((4, 5), dtype=kind)
    weights[3, 4] = value

    assert find_bad_weights(a_graph(numpy_helper.from_array(weights, "hurt"))) == ["hurt"]


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_one_that_is_written_as_a_list_is_named(kind: int) -> None:
    assert find_bad_weights(a_graph(helper.make_tensor("hurt", kind, [2], [1, np.nan]))) == ["hurt"]


def test_bytes_that_are_no_graph_are_refused() -> None:
    with pytest.raises(ValueError, match="no ONNX file"):
        find_bad_weights(b"\xff\xff")
