"""Run the private MLflow server: runs in Postgres, artefacts in files that it hands out itself."""

from __future__ import annotations

import sys

import httpx

from viral_local.home import Home
from viral_local.ports import LOOPBACK
from viral_local.process.program import BEHIND_REPLIES, Program


def make_program(home: Home, port: int, database_url: str) -> Program:
    """Run its application under gunicorn, which hands files to the kernel.

    See docs/decisions/0018-mlflow-under-gunicorn.md.
    `mlflow server` would be one more process, which a kill leaves behind; so the application gets the variables
    that it would set. Its own check of the Host header lets every name of this machine through, on any port.
    """
    return Program(
        name="mlflow",
        group="servers",
        command=[
            *(sys.executable, "-m", "gunicorn", "mlflow.server:app", "--bind", f"{LOOPBACK}:{port}"),
            *("--worker-class", "gthread", "--threads", "16"),
            *("--keep-alive", "60", "--graceful-timeout", "5"),
            # A page that compares a hundred runs names each in its address.
            *("--limit-request-line", "8190", "--no-control-socket"),
        ],
        env={
            "_MLFLOW_SERVER_FILE_STORE": database_url,
            "_MLFLOW_SERVER_REGISTRY_STORE": database_url,
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": (home.mlflow_dir / "artifacts").as_uri(),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        cwd=str(home.mlflow_dir),
        inherit_env=True,
        niceness=BEHIND_REPLIES,
    )


def find_outage(url: str) -> str | None:
    """Find what is wrong; None if the server answers out of its database."""
    try:
        reply = httpx.get(
            f"{url}/api/2.0/mlflow/experiments/search", params={"max_results": 1}, timeout=30, trust_env=False
        )
    except httpx.TransportError as error:
        return str(error) or type(error).__name__
    return None if reply.is_success else f"it answers {reply.status_code}"
