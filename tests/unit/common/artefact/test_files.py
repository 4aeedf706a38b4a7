"""An artefact with any damage is refused, in one line that names it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from viral_common.artefact.files import FILES, MANIFEST, SERVING, Artefact, read_artefact, write_manifest
from viral_common.errors import ArtefactError

from tests.damage import list_a_pickle
from tests.factories import make_artefact


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    return make_artefact(tmp_path / "artefact")


def test_a_sound_artefact_reads_as_it_was_written(artefact: Artefact) -> None:
    assert read_artefact(artefact.directory, artefact.sha256) == artefact


def test_another_digest_than_announced_is_refused(artefact: Artefact) -> None:
    with pytest.raises(ArtefactError, match="announced was 000000000000"):
        read_artefact(artefact.directory, "0" * 64)


def flip_a_byte(directory: Path) -> None:
    body = bytearray((directory / "model.onnx").read_bytes())
    body[len(body) // 2] ^= 1
    (directory / "model.onnx").write_bytes(body)


def flip_a_byte_of_int8(directory: Path) -> None:
    body = bytearray((directory / "model.int8.onnx").read_bytes())
    body[len(body) // 2] ^= 1
    (directory / "model.int8.onnx").write_bytes(body)


def cut_a_file(directory: Path) -> None:
    body = (directory / "model.onnx").read_bytes()
    (directory / "model.onnx").write_bytes(body[:-1])


def remove_a_file(directory: Path) -> None:
    (directory / "tokenizer.json").unlink()


def add_a_file(directory: Path) -> None:
    (directory / "notes.md").write_text("hello")


def put_a_link(directory: Path) -> None:
    (directory / "model.onnx").rename(directory.parent / "elsewhere.onnx")
    (directory / "model.onnx").symlink_to(directory.parent / "elsewhere.onnx")


def put_a_folder(directory: Path) -> None:
    (directory / "README.md").unlink()
    (directory / "README.md").mkdir()


def remove_the_manifest(directory: Path) -> None:
    (directory / "manifest.json").unlink()


def break_the_manifest(directory: Path) -> None:
    (directory / "manifest.json").write_text("{")


def escape_the_directory(directory: Path) -> None:
    (directory.parent / "outside.json").write_text("{}")
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"]["../outside.json"] = manifest["files"]["viral.json"]
    (directory / "manifest.json").write_text(json.dumps(manifest))


def forget_a_file(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    write_manifest(directory)


def come_from_the_future(directory: Path) -> None:
    rewrite_spec(directory, format_version=2)


def have_no_temperature(directory: Path) -> None:
    rewrite_spec(directory, calibration={"temperature": 0, "bias": 0})


def have_too_few_scales(directory: Path) -> None:
    spec = json.loads((directory / "viral.json").read_text())
    rewrite_spec(directory, features=spec["features"] | {"scale": [1.0]})


def be_no_json(directory: Path) -> None:
    (directory / "viral.json").write_bytes(pickle.dumps({}))
    write_manifest(directory)


def rewrite_spec(directory: Path, **changes: object) -> None:
    """Change viral.json and have the manifest agree."""
    path = directory / "viral.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    write_manifest(directory)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (flip_a_byte, "model.onnx: its contents differ"),
        (flip_a_byte_of_int8, "model.int8.onnx: its contents differ"),
        (cut_a_file, "model.onnx: .* bytes"),
        (remove_a_file, "missing tokenizer.json"),
        (add_a_file, "notes.md not in manifest.json"),
        (put_a_link, "model.onnx: not a regular file"),
        (put_a_folder, "README.md: not a regular file"),
        (remove_the_manifest, "no manifest.json"),
        (break_the_manifest, "manifest.json"),
        (escape_the_directory, "'../outside.json', which is no plain file name"),
        (list_a_pickle, "head.pkl has a format that could run code"),
        (forget_a_file, "missing model.safetensors"),
        (come_from_the_future, "viral.json: format_version"),
        (have_no_temperature, "viral.json: calibration.temperature"),
        (have_too_few_scales, "equally long"),
        (be_no_json, "viral.json"),
    ],
)
def test_damage_is_named(artefact: Artefact, damage: Callable[[Path], None], told: str) -> None:
    damage(artefact.directory)

    with pytest.raises(ArtefactError, match=told) as refusal:
        read_artefact(artefact.directory)

    assert "\n" not in str(refusal.value)


def test_where_it_only_serves_the_other_files_need_not_be(artefact: Artefact) -> None:
    for name in FILES - SERVING["int8"] - {MANIFEST}:
        (artefact.directory / name).unlink()

    assert read_artefact(artefact.directory, artefact.sha256, "int8") == artefact
    with pytest.raises(ArtefactError, match=r"missing model\.onnx"):
        read_artefact(artefact.directory, artefact.sha256, "fp32")


def test_a_directory_that_is_not_there_is_no_artefact(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no model artefact"):
        read_artefact(tmp_path / "nowhere")
