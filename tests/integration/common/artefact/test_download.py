"""An artefact comes through MLflow's proxy byte for byte; a failing server is not taken for a missing artefact."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from viral_common.artefact import download as module
from viral_common.artefact import files
from viral_common.artefact.download import download
from viral_common.errors import ArtefactError, RegistryUnavailable

URI = "mlflow-artifacts:/1/models/m-1/artifacts/artefact"
NEEDED = {
    "manifest.json": b"{}",
    "viral.json": b"{}",
    "tokenizer.json": b"[]",
    "model.onnx": bytes(range(256)) * 9000,
}
FILES = NEEDED | {"README.md": b"# card", "model.int8.onnx": b"int8", "model.safetensors": b"weights"}


class Mlflow(ThreadingHTTPServer):
    """Answer the two calls of MLflow's proxy that are used, listing and failing as a test wants."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.listed = [
            {"path": name, "is_dir": False, "file_size": len(body)} for name, body in FILES.items()
        ]
        self.status = 200
        self.cut_off: str | None = None
        self.headers: list[str | None] = []
        self.moved_to: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Proxy(BaseHTTPRequestHandler):
    server: Mlflow

    def do_GET(self) -> None:
        self.server.headers.append(self.headers["Authorization"])
        asked = urlsplit(self.path)
        if parse_qs(asked.query).get("path") == [URI.removeprefix("mlflow-artifacts:/")]:
            body = json.dumps({"files": self.server.listed}).encode()
        else:
            body = FILES[unquote(asked.path).rpartition("/")[2]]
        self.send_response(self.server.status)
        if self.server.moved_to:
            self.send_header("Location", self.server.moved_to)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut_off = self.server.cut_off is not None and asked.path.endswith(self.server.cut_off)
        self.wfile.write(body[: len(body) // 2] if cut_off else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mlflow() -> Iterator[Mlflow]:
    with Mlflow() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield server
        server.shutdown()


def test_what_serves_comes_as_it_is_and_nothing_else(mlflow: Mlflow, tmp_path: Path) -> None:
    directory = download(mlflow.url, URI, "fp32", tmp_path)

    assert {path.name: path.read_bytes() for path in directory.iterdir()} == NEEDED


def test_a_file_that_could_run_code_is_refused_unseen(mlflow: Mlflow, tmp_path: Path) -> None:
    mlflow.listed.append({"path": "head.pkl", "is_dir": False, "file_size": 9})

    with pytest.raises(ArtefactError, match=r"head\.pkl has a format that could run code"):
        download(mlflow.url, URI, "fp32", tmp_path)


@pytest.mark.parametrize(
    "file", [{"path": "inner", "is_dir": True}, {"path": "../outside.json", "is_dir": False}]
)
def test_what_is_no_flat_directory_is_no_artefact(
    mlflow: Mlflow, tmp_path: Path, file: dict[str, object]
) -> None:
    mlflow.listed.append(file)

    with pytest.raises(ArtefactError, match="flat directory"):
        download(mlflow.url, URI, "fp32", tmp_path)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, ArtefactError), (400, ArtefactError), (401, RegistryUnavailable), (503, RegistryUnavailable)],
)
def test_a_failing_server_is_asked_again_and_a_missing_artefact_is_not(
    mlflow: Mlflow, tmp_path: Path, status: int, error: type[Exception]
) -> None:
    mlflow.status = status

    with pytest.raises(error) as raised:
        download(mlflow.url, URI, "fp32", tmp_path)

    assert "\n" not in str(raised.value)


def test_a_server_that_is_away_is_unavailable(mlflow: Mlflow, tmp_path: Path) -> None:
    url = mlflow.url
    mlflow.server_close()

    with pytest.raises(RegistryUnavailable, match="VIRAL_MLFLOW_URL"):
        download(url, URI, "fp32", tmp_path)


def test_a_download_that_is_cut_off_is_a_server_that_went_away_not_damage(
    mlflow: Mlflow, tmp_path: Path
) -> None:
    mlflow.cut_off = "model.onnx"

    with pytest.raises(RegistryUnavailable, match="1,152,000 bytes before the end"):
        download(mlflow.url, URI, "fp32", tmp_path)


def test_a_full_disk_is_not_called_a_server_that_is_away(
    mlflow: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda _, mode: opened(Path("/dev/full"), mode))

    with pytest.raises(OSError, match="No space left") as raised:
        download(mlflow.url, URI, "fp32", tmp_path)

    assert raised.value.errno == errno.ENOSPC


def test_it_says_who_asks_as_mlflows_own_client_does(
    mlflow: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")

    download(mlflow.url, URI, "fp32", tmp_path)

    assert set(mlflow.headers) == {"Basic YWRhOnNlY3JldA=="}


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/artefact",
        "file:///etc",
        "/etc",
        "ftp://silent.example/x",
        "mlflow-artifacts://other.example/1/models",
        "mlflow-artifacts:/1/../../secrets",
        "mlflow-artifacts:/..",
        "mlflow-artifacts:/1/./2",
        "mlflow-artifacts:/1/%2e%2e/2",
        "mlflow-artifacts:/1?path=2",
        "mlflow-artifacts:/1\n2",
        "mlflow-artifacts:/",
        "mlflow-artifacts:1/models",
        "",
    ],
)
def test_what_does_not_lie_on_the_configured_server_is_refused_unasked(
    mlflow: Mlflow, tmp_path: Path, uri: str
) -> None:
    with pytest.raises(
        ArtefactError, match=r"is not mlflow-artifacts:/…, an artefact that VIRAL_MLFLOW_URL serves"
    ):
        download(mlflow.url, uri, "fp32", tmp_path)

    assert mlflow.headers == []


def test_a_redirect_is_not_followed(mlflow: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    with Mlflow() as other:
        threading.Thread(target=other.serve_forever, args=(0.05,)).start()
        mlflow.status, mlflow.moved_to = 302, other.url
        with pytest.raises(ArtefactError, match="302"):
            download(mlflow.url, URI, "fp32", tmp_path)
        other.shutdown()

    assert other.headers == []


def test_a_file_without_end_is_refused(
    mlflow: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_OTHER_SIZE_LIMIT", 2_000_000)

    with pytest.raises(ArtefactError, match="more than 2,000,000 bytes"):
        download(mlflow.url, URI, "fp32", tmp_path)


def test_a_server_that_trickles_is_as_good_as_away(
    mlflow: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHOLE_S", 0)

    with pytest.raises(RegistryUnavailable, match="did not arrive within 0 s"):
        download(mlflow.url, URI, "fp32", tmp_path)
