"""Check an ONNX graph before anything runs it: operators of our own export, all weights inside and whole.

Needs the package `onnx`, so it is imported where a graph is made or tried, not where one serves.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, TensorProto
from onnx.numpy_helper import to_array

from viral_common.errors import ArtefactError, summarise_error

# By domain, what an export of ours is made of, of every kind of encoder that tests/encoders.py names. None of them
# holds a graph, loops, or reads a file.
_OPERATORS = (
    "Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape Cos CumSum DequantizeLinear Div Equal Erf Expand "
    "Flatten Gather GatherElements Gelu Gemm Greater GreaterOrEqual Identity LayerNormalization Less LessOrEqual Log "
    "MatMul Mod Mul Neg Not Or Pow Range ReduceMean ReduceSum Relu Reshape Shape Sigmoid Sign Sin Slice Softmax Split "
    "Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze Where"
)
OPERATORS = {"": frozenset(_OPERATORS.split(" ")), "ai.onnx.ml": frozenset({"TreeEnsembleRegressor"})}
_PLAIN_FIELDS = frozenset({"name", "type", "doc_string", "f", "i", "s", "t", "floats", "ints", "strings"})


def check_graph(path: Path) -> None:
    """Raise ArtefactError for a graph that holds anything but our export's operators and whole, finite weights."""
    try:
        model = ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        raise ArtefactError(f"{path}: no ONNX file ({summarise_error(error)})") from error
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise ArtefactError(
            f"{path}: holds functions, training steps or sparse weights, which no export makes"
        )
    for node in model.graph.node:
        if node.op_type not in OPERATORS.get(node.domain, ()):
            raise ArtefactError(
                f"{path}: holds the operator {node.domain}:{node.op_type}, which no export makes"
            )
        for attribute in node.attribute:
            _check_attribute(path, node.op_type, attribute)
    for tensor in _list_tensors(model):
        _check_tensor(path, tensor)


def _check_attribute(path: Path, operator: str, attribute: AttributeProto) -> None:
    if strange := {field.name for field, _ in attribute.ListFields()} - _PLAIN_FIELDS:
        raise ArtefactError(f"{path}: an attribute of {operator} holds {', '.join(sorted(strange))}")


def _list_tensors(model: ModelProto) -> Iterator[TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


def _check_tensor(path: Path, tensor: TensorProto) -> None:
    if tensor.external_data or tensor.data_location != TensorProto.DEFAULT:
        raise ArtefactError(f"{path}: keeps weights outside the file, which no digest covers")
    try:
        values = to_array(tensor)
    except Exception as error:  # onnx's own and numpy's, for types and sizes that do not fit
        raise ArtefactError(
            f"{path}: its weights {tensor.name} cannot be read ({summarise_error(error)})"
        ) from error
    if values.size != prod(tensor.dims):
        raise ArtefactError(f"{path}: its weights {tensor.name} are not of the stated shape")
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        raise ArtefactError(f"{path}: holds something that is no number among the weights {tensor.name}")
