"""Fetch an artefact through MLflow's proxy with the standard library alone: all that a gateway needs of MLflow."""

from __future__ import annotations

import base64
import http.client
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

from viral_common.artefact.files import MANIFEST, SERVING, refuse_code
from viral_common.errors import ArtefactError, RegistryUnavailable, summarise_error
from viral_common.events import Precision

PROXIED = "mlflow-artifacts"
TIMEOUT_S = 10
PIECE_BYTES = 1 << 20
# What a server says that is up but busy, failing, or not shown who asks: no fault of the artefact.
_TRY_AGAIN = frozenset({401, 403, 407, 408, 429})


def download(mlflow_url: str, artifact_uri: str, precision: Precision, into: Path) -> Path:
    """Fetch what serves, unchecked: `read_artefact` is next. Raises ArtefactError, RegistryUnavailable."""
    found = urlsplit(artifact_uri)
    if found.scheme != PROXIED or found.netloc:
        return _download_with_client(mlflow_url, artifact_uri, into)
    files = f"{mlflow_url.rstrip('/')}/api/2.0/mlflow-artifacts/artifacts"
    path = found.path.strip("/")
    directory = into / "artefact"
    directory.mkdir()
    with _open_reply(mlflow_url, f"{files}?{urlencode({'path': path})}", artifact_uri) as listing:
        names = {_read_file_name(file, artifact_uri) for file in json.load(listing).get("files", [])}
    for name in sorted(names & {MANIFEST, *SERVING[precision]}):
        # What is written is outside of what is answered: a full disk is no fault of MLflow's.
        with (directory / name).open("wb") as file:
            file.writelines(_read_pieces(mlflow_url, f"{files}/{quote(f'{path}/{name}')}", artifact_uri))
    return directory


def _read_pieces(mlflow_url: str, url: str, artifact_uri: str) -> Iterator[bytes]:
    with _open_reply(mlflow_url, url, artifact_uri) as body:
        while piece := body.read(PIECE_BYTES):
            yield piece
        if body.length:  # read in pieces, a body that ends too early is no error of its own
            raise http.client.HTTPException(f"the connection broke {body.length:,} bytes before the end")


def _read_file_name(file: dict[str, Any], artifact_uri: str) -> str:
    name = str(file["path"])
    if file.get("is_dir") or Path(name).name != name:
        raise ArtefactError(f"{artifact_uri}: holds {name!r}, and an artefact is a flat directory")
    refuse_code(name, artifact_uri)
    return name


@contextmanager
def _open_reply(mlflow_url: str, url: str, artifact_uri: str) -> Iterator[http.client.HTTPResponse]:
    try:
        request = Request(url, headers=_build_authorisation())  # noqa: S310  (a setting, and http or https)
        with urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310
            yield reply
    except HTTPError as error:
        if error.code >= 500 or error.code in _TRY_AGAIN:
            raise _build_outage(mlflow_url, error) from error
        raise ArtefactError(f"{artifact_uri}: MLflow cannot deliver it ({error})") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _build_outage(mlflow_url, error) from error


def _build_authorisation() -> dict[str, str]:
    """Build what MLflow's own client sends, from the same variables of the environment."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if not user:
        return {}
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def _build_outage(mlflow_url: str, error: Exception) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"MLflow at {mlflow_url} does not answer ({summarise_error(error)}); check VIRAL_MLFLOW_URL"
    )


def _download_with_client(mlflow_url: str, artifact_uri: str, into: Path) -> Path:
    try:
        from viral_common.registry.versions import Registry

        return Registry(mlflow_url).download(artifact_uri, into)
    except ModuleNotFoundError as error:
        raise ArtefactError(
            f"{artifact_uri}: not served by MLflow's proxy; pip install mlflow-skinny and its store's client, or "
            "start MLflow with --serve-artifacts"
        ) from error
