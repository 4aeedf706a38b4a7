"""Load the artefact's ONNX graph in onnxruntime, refused unless it takes and gives what serving expects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from viral_common.artefact.files import OUTPUTS, ArtefactSpec
from viral_common.errors import ArtefactError, summarise_error


def read_graph(path: Path, spec: ArtefactSpec) -> onnxruntime.InferenceSession:
    """Open a session that works on the caller's thread alone; many threads may share it. Raises ArtefactError."""
    if not path.is_file():
        raise ArtefactError(f"{path.parent}: holds no {path.name}")
    graph = path.read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ArtefactError(f"{path}: onnxruntime refuses it ({summarise_error(error)})") from error
    _check_signature(path, spec, session)
    return session


def _check_signature(path: Path, spec: ArtefactSpec, session: onnxruntime.InferenceSession) -> None:
    """Check that batch and token dimensions are free, types and names the spec's."""
    tokens, features = ("tensor(int64)", (None, None)), ("tensor(float)", (None, len(spec.features.names)))
    wanted = {"input_ids": tokens, "attention_mask": tokens, "features": features}
    if _describe_signature(session.get_inputs()) != wanted or tuple(wanted) != spec.inputs:
        raise ArtefactError(f"{path}: inputs are not input_ids, attention_mask, features")
    given = dict.fromkeys(OUTPUTS, ("tensor(float)", (None,)))
    if _describe_signature(session.get_outputs()) != given or spec.outputs != OUTPUTS:
        raise ArtefactError(f"{path}: outputs are not one logit and one log_likes per tweet")


def _describe_signature(tensors: Sequence[Any]) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    return {
        tensor.name: (tensor.type, tuple(size if isinstance(size, int) else None for size in tensor.shape))
        for tensor in tensors
    }
