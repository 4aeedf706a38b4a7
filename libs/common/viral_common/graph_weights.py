"""The weights in an ONNX file, read from its bytes: the gateway has no library that knows the format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

# Fields of onnx.proto: ModelProto.graph, GraphProto.initializer, and those of TensorProto.
GRAPH, INITIALIZER = 7, 5
DATA_TYPE, FLOATS, NAME, RAW, DOUBLES = 2, 4, 8, 9, 10
# TensorProto.DataType, as numpy calls it. Whole numbers are always numbers.
FLOATING: Final = {1: "<f4", 10: "<f2", 11: "<f8"}


def weights_that_are_no_numbers(graph: bytes) -> list[str]:
    """Names of weights with NaN or infinity somewhere. A sample need not meet them: each word has a row of its own.

    Raises ValueError for bytes that are no such file.
    """
    try:
        tensors = [
            dict(_fields(tensor))
            for part, model in _fields(memoryview(graph))
            if part == GRAPH
            for kind, tensor in _fields(model)
            if kind == INITIALIZER
        ]
        return [bytes(tensor[NAME]).decode() for tensor in tensors if not _is_finite(tensor)]
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(f"no ONNX file: {error!r}") from error


def _is_finite(tensor: dict[int, Any]) -> bool:
    types = {FLOATS: "<f4", DOUBLES: "<f8", RAW: FLOATING.get(tensor[DATA_TYPE])}
    arrays = (np.frombuffer(tensor[field], kind) for field, kind in types.items() if kind and field in tensor)
    return all(np.isfinite(array).all() for array in arrays)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Each field's number with its value, an int or bytes; see protobuf.dev/programming-guides/encoding."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == 2:
            size, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}[wire_type]
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
