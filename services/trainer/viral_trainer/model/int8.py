"""Write the int8 graph beside the fp32 one: under a third of the bytes, no slower (docs/decisions/0013)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnx.helper import set_model_props
from onnxruntime.quantization import quantize_dynamic


def write_int8(fp32: Path, int8: Path) -> None:
    """Store the tables of tokens and terms, most of the weights, as integers; arithmetic stays in floats."""
    graph = onnx.load(fp32)
    # onnxruntime optimises when it loads; without this mark it would advise to do so here, at every export.
    set_model_props(graph, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with _silence_logging():
        quantize_dynamic(graph, int8, op_types_to_quantize=["Gather"])


@contextmanager
def _silence_logging() -> Iterator[None]:
    """Keep the quantizer's lines out of the log: it uses the root logger, which has no name to set a level for."""

    def is_not_its(record: logging.LogRecord) -> bool:
        return "quantization" not in Path(record.pathname).parts or record.levelno >= logging.WARNING

    root = logging.getLogger()
    root.addFilter(is_not_its)
    try:
        yield
    finally:
        root.removeFilter(is_not_its)
