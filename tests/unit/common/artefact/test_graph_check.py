"""Graphs that hold what no export makes are refused before anything runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from viral_common.artefact.graph_check import check_graph
from viral_common.errors import ArtefactError

from tests.factories import make_artefact


def make_graph(*weights: TensorProto, nodes: tuple[NodeProto, ...] = ()) -> ModelProto:
    """A graph with some weights and operators beside sound ones."""
    sound = [
        numpy_helper.from_array(np.arange(3, dtype=np.float32), "sound"),
        numpy_helper.from_array(np.array([-1, 2]), "whole"),
        helper.make_tensor("listed", TensorProto.FLOAT, [2], [1.0, 2.0]),
    ]
    return helper.make_model(helper.make_graph(list(nodes), "graph", [], [], initializer=[*sound, *weights]))


@pytest.fixture
def check(tmp_path: Path) -> Callable[[ModelProto], None]:
    def write_and_check(model: ModelProto) -> None:
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        check_graph(tmp_path / "model.onnx")

    return write_and_check


Check = Callable[[ModelProto], None]


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_what_the_trainer_exports_is_sound(tmp_path: Path, name: str) -> None:
    check_graph(make_artefact(tmp_path / "artefact").directory / name)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_that_is_no_number_is_named(check: Check, kind: type[np.floating], value: float) -> None:
    weights = np.ones((4, 5), dtype=kind)
    weights[3, 4] = value

    with pytest.raises(ArtefactError, match="no number among the weights hurt"):
        check(make_graph(numpy_helper.from_array(weights, "hurt")))


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_one_that_is_written_as_a_list_is_named(check: Check, kind: int) -> None:
    with pytest.raises(ArtefactError, match="no number among the weights hurt"):
        check(make_graph(helper.make_tensor("hurt", kind, [2], [1, np.nan])))


def make_external(location_first: bool = True) -> TensorProto:
    """Weights in another file; the order of an entry's fields is the writer's choice."""
    tensor = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=[3])
    if location_first:
        tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.value = ".viral/stack.env"
    entry.key = "location"
    return tensor


@pytest.mark.parametrize("location_first", [True, False])
def test_weights_outside_the_file_are_refused(check: Check, location_first: bool) -> None:
    with pytest.raises(ArtefactError, match="weights outside the file"):
        check(make_graph(make_external(location_first)))


def test_weights_outside_the_file_in_an_attribute_are_refused(check: Check) -> None:
    node = helper.make_node("Constant", [], ["out"], value=make_external())

    with pytest.raises(ArtefactError, match="weights outside the file"):
        check(make_graph(nodes=(node,)))


def test_the_order_of_fields_on_the_wire_does_not_matter(tmp_path: Path) -> None:
    entry = b"\x12\x10.viral/stack.env\x0a\x08location"  # value before key
    tensor = b"\x08\x03\x10\x01" + b"\x6a" + bytes([len(entry)]) + entry + b"\x42\x07outside"
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    (tmp_path / "model.onnx").write_bytes(b"\x08\x08" + b"\x3a" + bytes([len(graph)]) + graph)

    with pytest.raises(ArtefactError, match="weights outside the file"):
        check_graph(tmp_path / "model.onnx")


@pytest.mark.parametrize("dims", [[4], [1 << 40], [2, 2]])
def test_weights_that_are_not_of_their_shape_are_refused(check: Check, dims: list[int]) -> None:
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "hurt")
    tensor.dims[:] = dims

    with pytest.raises(ArtefactError, match="weights hurt"):
        check(make_graph(tensor))


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Loop", ["n", "c"], ["out"], body=GraphProto(name="endless")),
        helper.make_node("If", ["c"], ["out"], then_branch=GraphProto(), else_branch=GraphProto()),
        helper.make_node("Scan", ["n"], ["out"], body=GraphProto(), num_scan_inputs=1),
        helper.make_node("Add", ["a", "b"], ["out"], domain="com.microsoft"),
        helper.make_node("PyOp", [], ["out"], domain="ai.onnx.contrib"),
    ],
    ids=lambda node: node.op_type,
)
def test_operators_that_no_export_makes_are_refused(check: Check, node: NodeProto) -> None:
    with pytest.raises(ArtefactError, match=rf"the operator .*{node.op_type}, which no export makes"):
        check(make_graph(nodes=(node,)))


def test_a_graph_inside_a_harmless_operator_is_refused(check: Check) -> None:
    node = helper.make_node("Add", ["a", "b"], ["out"], body=GraphProto(name="inner"))

    with pytest.raises(ArtefactError, match="an attribute of Add holds g"):
        check(make_graph(nodes=(node,)))


def test_functions_and_sparse_weights_are_refused(check: Check) -> None:
    with_function = make_graph()
    with_function.functions.append(helper.make_function("own", "F", [], [], [], []))
    sparse = make_graph()
    sparse.graph.sparse_initializer.append(onnx.SparseTensorProto(dims=[1 << 40]))

    for model in (with_function, sparse):
        with pytest.raises(ArtefactError, match="which no export makes"):
            check(model)


def test_bytes_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\xff\xff")

    with pytest.raises(ArtefactError, match="no ONNX file"):
        check_graph(tmp_path / "model.onnx")
