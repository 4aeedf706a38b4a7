"""Fetch an artefact through MLflow's proxy with the standard library alone, within bounds of time and size."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from viral_common.addresses import Account, split_account
from viral_common.artefact.files import (
    FILES,
    GRAPHS,
    MANIFEST,
    SERVING,
    SIGNATURE,
    get_size_limit,
    refuse_code,
)
from viral_common.encryption import explain_failure, make_client_context, split_authority
from viral_common.errors import ArtefactError, RegistryUnavailable, summarise_error
from viral_common.events import Precision

# The one form: a path on the configured server. No other host, scheme, directory above, or escape.
_ARTIFACT_URI = re.compile(r"mlflow-artifacts:/(?P<path>(?!/)(?:(?!\.\.?(?:/|$))[\w.-]+(?:/|$))+)", re.ASCII)
TIMEOUT_S = 10
# Of the whole artefact: a server that trickles is as good as away.
WHOLE_S = 300
PIECE_BYTES = 1 << 20
LONGEST_LISTING = 1 << 20
# What a server says that is up but busy, failing, or not shown who asks: no fault of the artefact.
_TRY_AGAIN = frozenset({401, 403, 407, 408, 429})


class _NoRedirects(HTTPRedirectHandler):
    """Follow no redirect: credentials and trust belong to the configured server alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


def check_artifact_uri(artifact_uri: str) -> str:
    """Check that an artefact lies on the configured server, and return its path there. Raises ArtefactError."""
    if (found := _ARTIFACT_URI.fullmatch(artifact_uri)) is None:
        raise ArtefactError(
            f"{artifact_uri[:200]!r} is not mlflow-artifacts:/…, an artefact that VIRAL_MLFLOW_URL serves; "
            "start MLflow with --serve-artifacts"
        )
    return found["path"].strip("/")


def download(mlflow_url: str, artifact_uri: str, precision: Precision | None, into: Path) -> Path:
    """Fetch what serves in `precision` (None: everything), unchecked: `read_artefact` is next.

    Raises ArtefactError, RegistryUnavailable.
    """
    path = check_artifact_uri(artifact_uri)
    files = f"{split_account(mlflow_url)[0]}/api/2.0/mlflow-artifacts/artifacts"
    until = time.monotonic() + WHOLE_S
    with open_reply(mlflow_url, f"{files}?{urlencode({'path': path})}", artifact_uri) as listing:
        names = _read_names(listing.read(LONGEST_LISTING), artifact_uri)
    if MANIFEST not in names:
        raise ArtefactError(f"{artifact_uri}: MLflow has no artefact there")
    directory = into / "artefact"
    directory.mkdir()
    wanted = SERVING[precision] if precision else FILES | set(GRAPHS.values())
    for name in sorted(names & {MANIFEST, SIGNATURE, *wanted}):
        # What is written is outside of what is answered: a full disk is no fault of MLflow's.
        with (directory / name).open("wb") as file:
            url = f"{files}/{quote(f'{path}/{name}')}"
            file.writelines(_read_pieces(mlflow_url, url, artifact_uri, get_size_limit(name), until))
    return directory


def download_digest(mlflow_url: str, artifact_uri: str) -> str:
    """Fetch the manifest alone, and compute the digest that names the artefact. Raises as `download` does."""
    path = check_artifact_uri(artifact_uri)
    url = f"{split_account(mlflow_url)[0]}/api/2.0/mlflow-artifacts/artifacts/{quote(f'{path}/{MANIFEST}')}"
    until = time.monotonic() + TIMEOUT_S
    pieces = _read_pieces(mlflow_url, url, artifact_uri, get_size_limit(MANIFEST), until)
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def _read_pieces(mlflow_url: str, url: str, artifact_uri: str, limit: int, until: float) -> Iterator[bytes]:
    with open_reply(mlflow_url, url, artifact_uri) as body:
        size = 0
        while piece := body.read1(PIECE_BYTES):
            if (size := size + len(piece)) > limit:
                raise ArtefactError(
                    f"{artifact_uri}: a file has more than {limit:,} bytes, as no real one has"
                )
            if time.monotonic() > until:
                raise TimeoutError(f"the artefact did not arrive within {WHOLE_S} s")
            yield piece
        if body.length:  # read in pieces, a body that ends too early is no error of its own
            raise http.client.HTTPException(f"the connection broke {body.length:,} bytes before the end")


def _read_names(listing: bytes, artifact_uri: str) -> set[str]:
    try:
        files = json.loads(listing).get("files", [])
        return {_read_file_name(file, artifact_uri) for file in files}
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ArtefactError(f"{artifact_uri}: MLflow's listing cannot be read ({error!r})") from error


def _read_file_name(file: dict[str, Any], artifact_uri: str) -> str:
    name = str(file["path"])
    if file.get("is_dir") or Path(name).name != name:
        raise ArtefactError(f"{artifact_uri}: holds {name!r}, and an artefact is a flat directory")
    refuse_code(name, artifact_uri)
    return name


@contextmanager
def open_reply(
    mlflow_url: str, url: str, what: str, method: str = "GET", body: bytes | None = None
) -> Iterator[http.client.HTTPResponse]:
    """Ask MLflow, with JSON or without. Raises RegistryUnavailable without an answer, ArtefactError for a refusal."""
    headers = _build_authorisation(mlflow_url) | ({"Content-Type": "application/json"} if body else {})
    try:
        request = Request(url, body, headers, method=method)  # noqa: S310  (a setting, and http or https)
        with _make_opener(mlflow_url).open(request, timeout=TIMEOUT_S) as reply:
            yield reply
    except HTTPError as error:
        if error.code >= 500 or error.code in _TRY_AGAIN:
            raise _build_outage(mlflow_url, error) from error
        raise ArtefactError(f"{what}: MLflow cannot deliver it ({error})") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _build_outage(mlflow_url, error) from error


def _make_opener(mlflow_url: str) -> OpenerDirector:
    """Trust the address's authority, else the one that MLflow's own client takes from the environment."""
    if not mlflow_url.startswith("https:"):
        return build_opener(_NoRedirects)
    authority = split_authority(mlflow_url)[1] or os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    return build_opener(_NoRedirects, HTTPSHandler(context=make_client_context(authority)))


def _build_authorisation(mlflow_url: str) -> dict[str, str]:
    """Build it of the address's account, else of what MLflow's own client takes from the environment."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    environment = Account(
        os.environ.get("MLFLOW_TRACKING_USERNAME", ""), os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    )
    account = split_account(mlflow_url)[1] or environment
    if not account.name:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(':'.join(account).encode()).decode()}"}


def _build_outage(mlflow_url: str, error: Exception) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"MLflow at {split_account(mlflow_url)[0]} does not answer "
        f"({explain_failure(error) or summarise_error(error)}); check VIRAL_MLFLOW_URL"
    )
