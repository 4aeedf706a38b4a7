"""A process of its own finds what would hurt this one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from viral_common.artefact.files import read_artefact, write_manifest
from viral_common.artefact.trial import load_tried, try_artefact
from viral_common.errors import ArtefactError
from viral_common.events import Precision

from tests.damage import rewritten
from tests.factories import make_artefact, make_labelled_tweets


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_sound_artefact_comes_through_and_scores(tmp_path: Path, precision: Precision) -> None:
    artefact = make_artefact(tmp_path / "artefact")

    predictor = load_tried(artefact, precision, threads=1)

    assert predictor.predict([make_labelled_tweets(1)[0].input]).shape == (1,)


def fill_the_memory(directory: Path) -> None:
    """Add the difference of two sums of two billion ones to the logit."""

    def change(model: onnx.ModelProto) -> None:
        one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
        nodes = [
            helper.make_node(
                "Constant", [], ["far"], value=helper.make_tensor("n", TensorProto.INT64, [1], [2**31])
            ),
            helper.make_node("ConstantOfShape", ["far"], ["ones"], value=one),
            helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=0),
            helper.make_node("Sub", ["sum", "sum"], ["nothing"]),
            helper.make_node("Add", ["true logit", "nothing"], ["logit"]),
        ]
        last = next(node for node in model.graph.node if "logit" in node.output)
        last.output[0] = "true logit"
        model.graph.node.extend(nodes)

    rewritten(directory, change)


def grow_texts(directory: Path) -> None:
    def change(tokenizer: dict[str, Any]) -> None:
        step = {"type": "Replace", "pattern": {"Regex": "."}, "content": "x" * 1000}
        tokenizer["normalizer"] = {"type": "Sequence", "normalizers": [step] * 9}

    path = directory / "tokenizer.json"
    tokenizer = json.loads(path.read_bytes())
    change(tokenizer)
    path.write_text(json.dumps(tokenizer))
    write_manifest(directory)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            fill_the_memory,
            "cannot score its sample|onnxruntime refuses it|takes more than 4 GiB|cannot be loaded",
        ),
        (grow_texts, "its normalizer is of an unknown kind, Replace"),
    ],
)
def test_what_would_hurt_is_refused_in_one_line(
    tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    directory = make_artefact(tmp_path / "artefact").directory
    damage(directory)

    with pytest.raises(ArtefactError, match=said) as refusal:
        try_artefact(read_artefact(directory), "fp32")

    assert "\n" not in str(refusal.value)


def test_what_takes_too_long_is_refused(tmp_path: Path) -> None:
    artefact = make_artefact(tmp_path / "artefact")

    with pytest.raises(ArtefactError, match=r"not loaded within 0\.01 s"):
        try_artefact(artefact, "fp32", timeout_s=0.01)


def test_the_process_sees_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://viral:secret@db/viral")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        f"import json, os; open({str(tmp_path / 'seen.json')!r}, 'w').write(json.dumps(dict(os.environ)))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    try_artefact(make_artefact(tmp_path / "artefact"), "fp32")

    seen = json.loads((tmp_path / "seen.json").read_text())
    assert set(seen) <= {"PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "LC_CTYPE"}
