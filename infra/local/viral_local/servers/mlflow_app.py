"""Serve MLflow with accounts: its own basic-auth, told of secrets by files, and no experiment outside of its store.

gunicorn loads this file alone, in the one-machine stack and in the image, so it imports nothing of the product.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import make_url

ADMIN = "operator"
# Nobody may do what is not granted; a checked password is believed for a while, for checking takes 0.1 s.
AUTH = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = {database}
admin_username = {admin}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


def _read_secret(name: str) -> str:
    return (Path(os.environ["VIRAL_SECRETS_DIR"]) / name).read_text().strip()


def _configure() -> None:
    """Set what `mlflow server` would, in this process alone: a given environment shows in /proc."""
    password = _read_secret("viral_database_password") or None
    url = make_url(os.environ["VIRAL_DATABASE_URL"]).set(drivername="postgresql+psycopg2", password=password)
    database = url.render_as_string(hide_password=False)
    config = Path("basic_auth.ini").absolute()
    config.touch(mode=0o600)
    # In this format a percent sign begins a reference.
    values = {"database": database, "admin": ADMIN, "password": _read_secret("viral_mlflow_password")}
    config.write_text(AUTH.format(**{name: value.replace("%", "%%") for name, value in values.items()}))
    os.environ |= {
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        # Another place, such as s3://bucket/folder, is one that several servers share.
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": os.environ.get("VIRAL_MLFLOW_ARTIFACTS")
        or Path("artifacts").absolute().as_uri(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": _read_secret("viral_mlflow_secret_key"),
    }


_configure()

from flask import request  # noqa: E402  (MLflow reads its settings when it is imported)
from mlflow.server import app as mlflow_app  # noqa: E402
from mlflow.server.auth import create_app  # noqa: E402

app = create_app(mlflow_app)


def refuse_location() -> tuple[dict[str, str], int] | None:
    """Refuse an experiment whose artefacts the caller would put where MLflow's own rights reach."""
    if not request.path.endswith("/mlflow/experiments/create"):
        return None
    asked = request.get_json(force=True, silent=True)
    names = {str(name).replace("_", "").lower() for name, value in dict(asked or {}).items() if value}
    if "artifactlocation" not in names:
        return None
    said = "artifact_location is not the caller's to choose: leave it out"
    return {"error_code": "INVALID_PARAMETER_VALUE", "message": said}, 400


app.before_request(refuse_location)
