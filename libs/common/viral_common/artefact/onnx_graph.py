"""Load the artefact's ONNX graph in onnxruntime, refused unless it takes and gives what serving expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from viral_common.artefact.files import ArtefactSpec
from viral_common.errors import ArtefactError, summarise_error

# A protobuf string entry `location`: weights kept outside the file, where no digest covers them.
_EXTERNAL_DATA = b"\x0a\x08location\x12"


def read_graph(path: Path, spec: ArtefactSpec) -> onnxruntime.InferenceSession:
    """Open a session that works on the caller's thread alone; many threads may share it. Raises ArtefactError."""
    if not path.is_file():
        raise ArtefactError(f"{path.parent}: holds no {path.name}")
    graph = path.read_bytes()
    if _has_no_number(graph, _EXTERNAL_DATA):
        raise ArtefactError(f"{path}: keeps weights outside the file, which no digest covers")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ArtefactError(f"{path}: onnxruntime refuses it ({summarise_error(error)})") from error
    _check_weights(path, graph)
    _check_signature(path, spec, session)
    return session


def _has_no_number(graph: bytes, wanted: bytes) -> bool:
    """Look a piece at a time: one long look would keep every other thread waiting."""
    step = 1 << 20
    pieces = range(0, len(graph), step)
    return any(graph.find(wanted, start, start + step + len(wanted)) >= 0 for start in pieces)


def _check_weights(path: Path, graph: bytes) -> None:
    try:
        damaged = find_bad_weights(graph)
    except ValueError as error:
        raise ArtefactError(f"{path}: its weights cannot be read ({summarise_error(error)})") from error
    if damaged:
        raise ArtefactError(f"{path}: holds something that is no number among the weights {damaged[0]}")


def _check_signature(path: Path, spec: ArtefactSpec, session: onnxruntime.InferenceSession) -> None:
    """Check that batch and token dimensions are free, types and names the spec's."""
    tokens, features = ("tensor(int64)", (None, None)), ("tensor(float)", (None, len(spec.features.names)))
    wanted = {"input_ids": tokens, "attention_mask": tokens, "features": features}
    if _describe_signature(session.get_inputs()) != wanted or tuple(wanted) != spec.inputs:
        raise ArtefactError(f"{path}: inputs are not input_ids, attention_mask, features")
    if _describe_signature(session.get_outputs()) != {spec.output: ("tensor(float)", (None,))}:
        raise ArtefactError(f"{path}: output is not one {spec.output} per tweet")


def _describe_signature(tensors: Sequence[Any]) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    return {
        tensor.name: (tensor.type, tuple(size if isinstance(size, int) else None for size in tensor.shape))
        for tensor in tensors
    }


# Fields of onnx.proto: ModelProto.graph, GraphProto.initializer, and those of TensorProto.
GRAPH, INITIALIZER = 7, 5
DATA_TYPE, FLOATS, NAME, RAW, DOUBLES = 2, 4, 8, 9, 10
# TensorProto.DataType, as numpy calls it. Whole numbers are always numbers.
FLOATING: Final = {1: "<f4", 10: "<f2", 11: "<f8"}


def find_bad_weights(graph: bytes) -> list[str]:
    """Find weights with NaN or infinity somewhere. A sample need not meet them: each word has a row of its own.

    Raises ValueError for bytes that are no such file.
    """
    try:
        tensors = [
            dict(_read_fields(tensor))
            for part, model in _read_fields(memoryview(graph))
            if part == GRAPH
            for kind, tensor in _read_fields(model)
            if kind == INITIALIZER
        ]
        return [bytes(tensor[NAME]).decode() for tensor in tensors if not _is_finite(tensor)]
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(f"no ONNX file: {error!r}") from error


def _is_finite(tensor: dict[int, Any]) -> bool:
    types = {FLOATS: "<f4", DOUBLES: "<f8", RAW: FLOATING.get(tensor[DATA_TYPE])}
    arrays = (np.frombuffer(tensor[field], kind) for field, kind in types.items() if kind and field in tensor)
    return all(np.isfinite(array).all() for array in arrays)


def _read_fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Read each field's number with its value, an int or bytes; see protobuf.dev/programming-guides/encoding."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if wire_type == 2:
            size, at = _read_varint(message, at)
        else:
            size = {1: 8, 5: 4}[wire_type]
        yield number, message[at : at + size]
        at += size


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
