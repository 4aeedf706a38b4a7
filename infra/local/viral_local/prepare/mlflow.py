"""Prepare MLflow: accounts, and what each may do with the product's experiment and model."""

from __future__ import annotations

from collections.abc import Mapping

from viral_local.prepare.rest import Api, open_api

EXPERIMENT = MODEL = "tweet-virality"
QUESTION = "Will this tweet be liked?"
# The trainer makes runs and versions, and others read or annotate what it made.
PERMISSIONS = {"trainer": "MANAGE", "evaluator": "EDIT", "gateway": "READ"}
NOTHING = "NO_PERMISSIONS"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"


def prepare_mlflow(mlflow_url: str, passwords: Mapping[str, str]) -> None:
    """Make the accounts, or give them these passwords; `mlflow_url` names MLflow's administrator."""
    with open_api(mlflow_url, "MLflow") as api:
        if not api.find(f"{V2}/registered-models/get", name=MODEL):
            api.send("POST", f"{V2}/registered-models/create", {"name": MODEL, "description": QUESTION})
        by_name = f"{V2}/experiments/get-by-name"
        if not (found := api.find(by_name, experiment_name=EXPERIMENT)):
            api.send("POST", f"{V2}/experiments/create", {"name": EXPERIMENT})
            found = api.find(by_name, experiment_name=EXPERIMENT)
        owned = {"experiment": found["experiment"]["experiment_id"], "registered_model": MODEL}
        for name, permission in PERMISSIONS.items():
            _give_account(api, name, passwords[name])
            for kind, what in owned.items():
                _grant(api, permission, {"username": name, "resource_type": kind, "resource_id": what})


def _grant(api: Api, permission: str, where: dict[str, str]) -> None:
    held = api.find(f"{V3}/users/permissions/get", **where).get("permission", NOTHING)
    if held != permission:
        if held != NOTHING:
            api.send("POST", f"{V3}/users/permissions/revoke", where)
        api.send("POST", f"{V3}/users/permissions/grant", {**where, "permission": permission})


def _give_account(api: Api, name: str, password: str) -> None:
    account = {"username": name, "password": password}
    if api.client.get(f"{V2}/users/current", auth=(name, password)).is_success:
        return
    if api.find(f"{V2}/users/get", username=name):
        api.send("PATCH", f"{V2}/users/update-password", account)
    else:
        api.send("POST", f"{V2}/users/create", account)
