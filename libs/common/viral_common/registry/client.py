"""Connect to MLflow, with short time-outs and its failures as the product's errors."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

from viral_common.addresses import split_account
from viral_common.encryption import explain_failure, split_authority
from viral_common.errors import RegistryUnavailable, summarise_error

# A server that is away is noticed within seconds, and nothing but logs is printed; whoever runs the service may
# say otherwise in the environment.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "60",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# What a server says that is up but cannot reach its own database or store.
_SERVER_FAILURES = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED"})


def connect(mlflow_url: str) -> tuple[MlflowClient, str]:
    """Make a client of both tracking and registry, and the address without its account; asks nothing of the server."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    bare, account = split_account(mlflow_url)
    if account is not None:
        # MLflow's client asks nowhere else. What is set here does not show in /proc, as a given environment does.
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = account
    if authority := split_authority(mlflow_url)[1]:
        os.environ["MLFLOW_TRACKING_SERVER_CERT_PATH"] = authority
    return MlflowClient(tracking_uri=bare, registry_uri=bare), bare


@contextmanager
def translate_errors(mlflow_url: str) -> Iterator[None]:
    """Raise RegistryUnavailable for a server that is away or failing; the rest passes unchanged."""
    try:
        yield
    except RestException as error:
        if error.error_code not in _SERVER_FAILURES:
            raise
        raise _build_unavailable(mlflow_url, error) from error
    except MlflowException as error:
        # A request that got no answer is wrapped by MLflow in an exception without a cause of its own.
        if "API request to" not in str(error):
            raise
        raise _build_unavailable(mlflow_url, error) from error
    except requests.RequestException as error:
        raise _build_unavailable(mlflow_url, error) from error


def ensure_experiment(client: MlflowClient, name: str) -> str:
    """Find the id of the experiment `name`, which is created if it is missing."""
    if client.get_experiment_by_name(name) is None:
        with ignore_existing():
            client.create_experiment(name)
    return str(client.get_experiment_by_name(name).experiment_id)


@contextmanager
def ignore_existing() -> Iterator[None]:
    """Ignore that something exists already: another process may have been faster."""
    try:
        yield
    except RestException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _build_unavailable(mlflow_url: str, error: Exception) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"MLflow at {mlflow_url} does not answer ({explain_failure(error) or summarise_error(error)}); "
        "check VIRAL_MLFLOW_URL"
    )
