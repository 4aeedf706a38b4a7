"""Prepare MLflow: accounts, and what each may do with the product's experiment and model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from viral_common.addresses import split_account

from viral_local.errors import StackError

EXPERIMENT = MODEL = "tweet-virality"
# The trainer makes both, and others read or annotate what it made.
PERMISSIONS = {"trainer": "MANAGE", "evaluator": "EDIT", "gateway": "READ"}
EXISTS = "RESOURCE_ALREADY_EXISTS"


def prepare_mlflow(mlflow_url: str, passwords: Mapping[str, str]) -> None:
    """Make the accounts, or give them these passwords; `mlflow_url` names MLflow's administrator."""
    url, admin = split_account(mlflow_url)
    with httpx.Client(base_url=f"{url}/api", auth=admin, timeout=30, trust_env=False) as server:
        _ask(server, "/2.0/mlflow/experiments/create", {"name": EXPERIMENT})
        model = {"name": MODEL, "description": "Will this tweet be liked?"}
        _ask(server, "/2.0/mlflow/registered-models/create", model)
        found = server.get("/2.0/mlflow/experiments/get-by-name", params={"experiment_name": EXPERIMENT})
        owned = {"experiment": found.json()["experiment"]["experiment_id"], "registered_model": MODEL}
        for name, permission in PERMISSIONS.items():
            account = {"username": name, "password": passwords[name]}
            if not _ask(server, "/2.0/mlflow/users/create", account):
                _ask(server, "/2.0/mlflow/users/update-password", account, "PATCH")
            for kind, what in owned.items():
                grant = {"resource_type": kind, "resource_id": what, "permission": permission}
                _ask(server, "/3.0/mlflow/users/permissions/grant", {"username": name, **grant})


def _ask(server: httpx.Client, path: str, document: Mapping[str, Any], method: str = "POST") -> bool:
    """Ask for it; False if it exists already. Raises StackError."""
    try:
        reply = server.request(method, path, json=document)
    except httpx.TransportError as error:
        raise StackError(f"MLflow does not answer at {server.base_url} ({error})") from error
    if reply.is_success:
        return True
    if EXISTS in reply.text:
        return False
    raise StackError(f"MLflow answers {reply.status_code} to {path}: {reply.text[:200]}")
