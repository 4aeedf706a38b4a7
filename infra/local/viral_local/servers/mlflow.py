"""Run the private MLflow server: runs in Postgres, artefacts in files that it hands out itself, accounts of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

import httpx
from viral_common.addresses import split_account

from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.http_client import open_http
from viral_local.prepare.secret_files import DATABASE, MLFLOW, MLFLOW_KEY, SecretFiles
from viral_local.private_files import write_private
from viral_local.process.client import run_client
from viral_local.process.program import BEHIND_REPLIES, Program


def configure(home: Home, database_url: str, files: SecretFiles) -> None:
    """Write its secrets where it can read them, whoever it runs as; the operator administers it."""
    folder = home.owner.make_dir(home.owner.make_dir(_locate_dir(home)) / "secrets")
    account = split_account(database_url)[1]
    secrets = {
        DATABASE: account.password if account else "",
        MLFLOW: files.read("mlflow", MLFLOW),
        MLFLOW_KEY: files.read("mlflow", MLFLOW_KEY),
    }
    for name, value in secrets.items():
        write_private(folder / name, value, home.owner.ids)


def make_program(
    home: Home, port: int, database_url: str, addresses: Sequence[str], names: Sequence[str]
) -> Program:
    """Run its application under gunicorn, which hands files to the kernel.

    See docs/decisions/0018-mlflow-under-gunicorn.md.
    `mlflow server` would be one more process, which a kill leaves behind. Its own check of the Host header lets every
    name of this machine through, on any port; others are named to it.
    """
    data, tls = _locate_dir(home), home.locate_tls_dir("mlflow")
    return Program(
        name="mlflow",
        group="servers",
        command=[
            *(
                sys.executable,
                "-m",
                "gunicorn",
                "viral_local.servers.mlflow_app:app",
            ),
            *(part for address in addresses for part in ("--bind", f"{address}:{port}")),
            *("--worker-class", "gthread", "--threads", "16"),
            *("--keep-alive", "60", "--graceful-timeout", "5"),
            # A page that compares a hundred runs names each in its address.
            *("--limit-request-line", "8190", "--no-control-socket"),
            *(
                ("--certfile", str(tls / "tls.crt"), "--keyfile", str(tls / "tls.key"))
                if home.has_tls
                else ()
            ),
        ],
        env={
            "VIRAL_DATABASE_URL": _leave_out_password(database_url),
            "VIRAL_SECRETS_DIR": str(data / "secrets"),
            "HOME": str(data),
            # Threads that hardly ever work at once need no memory pool each: a tenth less.
            "MALLOC_ARENA_MAX": "1",
            **(
                {
                    "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(
                        f"{name}:*" for name in ("localhost", *addresses, *names)
                    )
                }
                if len(addresses) > 1
                else {}
            ),
        },
        cwd=str(data),
        user=home.owner.user if _is_python_reachable(home) else None,
        inherit_env=True,
        niceness=BEHIND_REPLIES,
    )


def upgrade_schema(database_url: str) -> None:
    """Bring MLflow's tables to the installed version, which else refuses to start."""
    run_client(
        [sys.executable, "-m", "mlflow", "db", "upgrade", _leave_out_password(database_url)],
        split_account(database_url)[1],
    )


def locate_artefacts(home: Home) -> Path:
    """Locate the files of all runs."""
    return _locate_dir(home) / "artifacts"


def find_outage(url: str) -> str | None:
    """Find what is wrong; None if the server answers out of its database. The address names who asks."""
    try:
        with open_http(url, "/api/2.0/mlflow") as mlflow:
            reply = mlflow.get("/experiments/search", params={"max_results": 1})
    except httpx.TransportError as error:
        return str(error) or type(error).__name__
    return None if reply.is_success else f"it answers {reply.status_code}"


def _leave_out_password(url: str) -> str:
    bare, account = split_account(url)
    return bare.replace("://", f"://{quote(account.name, safe='')}@", 1) if account else bare


def _locate_dir(home: Home) -> Path:
    return home.owner.data_dir / "mlflow"


@cache
def _is_python_reachable(home: Home) -> bool:
    """Check whether the system user reaches this virtual environment; in root's own folder it does not."""
    try:
        home.owner.run([sys.executable, "-Ic", "import gunicorn, viral_local"])
    except (StackError, OSError):
        return False
    return True
