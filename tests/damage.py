"""What may be wrong with an artefact whose manifest is sound."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from viral_common.artefact.files import write_manifest


def rewritten(directory: Path, change: Callable[[onnx.ModelProto], object], name: str = "model.onnx") -> None:
    """Change the graph and have the manifest agree."""
    model = onnx.load(directory / name)
    change(model)
    (directory / name).write_bytes(model.SerializeToString())
    write_manifest(directory)


def spoil_weights(directory: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        weight = next(one for one in model.graph.initializer if one.name == "network.head.3.weight")
        values = numpy_helper.to_array(weight).copy()
        values[0, 0] = np.nan
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))

    rewritten(directory, change)


def spoil_a_word_that_the_sample_has_not(directory: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        words = next(one for one in model.graph.initializer if "word_embeddings" in one.name)
        values = numpy_helper.to_array(words).copy()
        values[-1, 0] = np.nan
        words.CopyFrom(numpy_helper.from_array(values, words.name))

    rewritten(directory, change)


def lose_a_tensor(directory: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        del model.graph.initializer[0]

    rewritten(directory, change)


def raise_the_opset(directory: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = 999

    rewritten(directory, change)


def list_a_pickle(directory: Path) -> None:
    (directory / "head.pkl").write_bytes(pickle.dumps({}))
    write_manifest(directory)
