"""Run boosted trees as a part of the network: in numpy some look-ups, in ONNX one operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from torch import Tensor, nn

# The standard's operator for trees; any onnxruntime that reads the graph knows it.
ONNX_OPERATOR = "ai.onnx.ml::TreeEnsembleRegressor"


class Trees(nn.Module):
    """Hold the nodes of all trees in one row; a leaf leads to itself. Made empty, for `load_state_dict`."""

    column: Tensor  # (nodes,) int64: which input is compared
    threshold: Tensor  # (nodes,) float32: an input up to it leads to `below`, any other `above`
    below: Tensor  # (nodes,) int64
    above: Tensor  # (nodes,) int64
    value: Tensor  # (nodes,) float32, of leaves
    roots: Tensor  # (trees,) int64

    def __init__(self, nodes: int, trees: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        for name in ("column", "below", "above"):
            self.register_buffer(name, torch.zeros(nodes, dtype=torch.int64))
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(nodes))
        self.register_buffer("roots", torch.zeros(trees, dtype=torch.int64))
        # The same memory: the exporter follows what torch does, and shall not look into the walk.
        self.nodes = {name: buffer.numpy() for name, buffer in self.named_buffers()}

    @classmethod
    def from_scikit_learn(
        cls, model: HistGradientBoostingClassifier | HistGradientBoostingRegressor
    ) -> Trees:
        """Convert the trees that scikit-learn grew, without its baseline."""
        trees = [tree.nodes for (tree,) in model._predictors]
        sizes = [len(nodes) for nodes in trees]
        roots = np.cumsum([0, *sizes])[:-1]
        nodes = np.concatenate(trees)
        leaf, first = nodes["is_leaf"] == 1, np.repeat(roots, sizes)
        itself = np.arange(len(nodes))
        found = cls(len(nodes), len(trees), int(nodes["depth"].max()))
        arrays: dict[str, NDArray[Any]] = {
            "column": nodes["feature_idx"].astype(np.int64),
            "threshold": _round_down(nodes["num_threshold"]),
            "below": np.where(leaf, itself, nodes["left"] + first),
            "above": np.where(leaf, itself, nodes["right"] + first),
            "value": np.where(leaf, nodes["value"], 0.0).astype(np.float32),
            "roots": roots,
        }
        found.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """Map float32 (batch, columns), all numbers, to the sum over the trees, (batch,)."""
        total: Tensor = _Sum.apply(inputs, self)  # type: ignore[no-untyped-call]
        return total

    def to_config(self) -> dict[str, int]:
        """Describe the arguments that `Trees` takes to hold as many."""
        return {"nodes": len(self.value), "trees": len(self.roots), "depth": self.depth}


class _Sum(torch.autograd.Function):
    """Walk down all trees at once with every row; nothing is learned through it."""

    @staticmethod
    def forward(_context: Any, inputs: Tensor, trees: Trees) -> Tensor:
        rows, node = inputs.numpy(), trees.nodes
        at = np.broadcast_to(node["roots"], (len(rows), len(node["roots"])))  # (batch, trees)
        for _ in range(trees.depth):
            below = np.take_along_axis(rows, node["column"][at], axis=1) <= node["threshold"][at]
            at = np.where(below, node["below"][at], node["above"][at])
        return torch.from_numpy(node["value"][at].sum(axis=1))

    @staticmethod
    def symbolic(graph: Any, inputs: Any, trees: Trees) -> Any:
        return graph.op(
            "Squeeze",
            graph.op(ONNX_OPERATOR, inputs, **_build_attributes(trees)),
            graph.op("Constant", value_t=torch.tensor([1])),
        )


def _build_attributes(trees: Trees) -> dict[str, Any]:
    """Build the operator's attributes: each node by its tree and its place in it."""
    sizes = torch.diff(torch.cat([trees.roots, torch.tensor([len(trees.value)])]))
    tree = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    first = trees.roots[tree]
    place = torch.arange(len(tree)) - first
    leaf = trees.below == torch.arange(len(tree))
    return {
        "n_targets_i": 1,
        "nodes_treeids_i": tree.tolist(),
        "nodes_nodeids_i": place.tolist(),
        "nodes_modes_s": ["LEAF" if one else "BRANCH_LEQ" for one in leaf.tolist()],
        "nodes_featureids_i": trees.column.tolist(),
        "nodes_values_f": trees.threshold.tolist(),
        "nodes_truenodeids_i": (trees.below - first).tolist(),
        "nodes_falsenodeids_i": (trees.above - first).tolist(),
        "target_treeids_i": tree[leaf].tolist(),
        "target_nodeids_i": place[leaf].tolist(),
        "target_ids_i": [0] * int(leaf.sum()),
        "target_weights_f": trees.value[leaf].tolist(),
    }


def _round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round down to the next float32, so that no float32 input changes sides."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
