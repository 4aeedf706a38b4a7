"""The artefact's ONNX graph in onnxruntime, refused unless it takes and gives what serving expects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from viral_common.artefact import ArtefactSpec
from viral_common.errors import ArtefactError, first_line
from viral_common.graph_weights import weights_that_are_no_numbers

# A protobuf string entry `location`: weights kept outside the file, where no digest covers them.
_EXTERNAL_DATA = b"\x0a\x08location\x12"


def read_graph(path: Path, spec: ArtefactSpec) -> onnxruntime.InferenceSession:
    """A session that works on the caller's thread alone; many threads may share it. Raises ArtefactError."""
    if not path.is_file():
        raise ArtefactError(f"{path.parent}: holds no {path.name}")
    graph = path.read_bytes()
    if _holds(graph, _EXTERNAL_DATA):
        raise ArtefactError(f"{path}: keeps weights outside the file, which no digest covers")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ArtefactError(f"{path}: onnxruntime refuses it ({first_line(error)})") from error
    _check_weights(path, graph)
    _check_signature(path, spec, session)
    return session


def _holds(graph: bytes, wanted: bytes) -> bool:
    """Looked through a piece at a time: one long look would keep every other thread waiting."""
    step = 1 << 20
    pieces = range(0, len(graph), step)
    return any(graph.find(wanted, start, start + step + len(wanted)) >= 0 for start in pieces)


def _check_weights(path: Path, graph: bytes) -> None:
    try:
        damaged = weights_that_are_no_numbers(graph)
    except ValueError as error:
        raise ArtefactError(f"{path}: its weights cannot be read ({first_line(error)})") from error
    if damaged:
        raise ArtefactError(f"{path}: holds something that is no number among the weights {damaged[0]}")


def _check_signature(path: Path, spec: ArtefactSpec, session: onnxruntime.InferenceSession) -> None:
    """Batch and token dimensions must be free, types and names the spec's."""
    tokens, features = ("tensor(int64)", (None, None)), ("tensor(float)", (None, len(spec.features.names)))
    wanted = {"input_ids": tokens, "attention_mask": tokens, "features": features}
    if _signature(session.get_inputs()) != wanted or tuple(wanted) != spec.inputs:
        raise ArtefactError(f"{path}: inputs are not input_ids, attention_mask, features")
    if _signature(session.get_outputs()) != {spec.output: ("tensor(float)", (None,))}:
        raise ArtefactError(f"{path}: output is not one {spec.output} per tweet")


def _signature(tensors: Sequence[Any]) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    return {
        tensor.name: (tensor.type, tuple(size if isinstance(size, int) else None for size in tensor.shape))
        for tensor in tensors
    }
