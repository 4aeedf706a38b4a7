"""Read and mark the versions of the registered model `tweet-virality`, their aliases and their artefacts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from viral_common.addresses import split_account
from viral_common.artefact.download import download, download_digest, open_reply
from viral_common.database.tables import Verdict
from viral_common.errors import ArtefactError, UsageError
from viral_common.registry.flavour import ARTEFACT_PATH

MODEL_NAME = "tweet-virality"
Alias = Literal["champion", "challenger"]

# Tags of a version, for people: where it comes from, and what was found of it.
BATCH_ID, SOURCE, VERDICT, PRECISION = "viral.batch_id", "viral.source", "viral.verdict", "viral.precision"
# Tags of its run, for programs. They are written before the version, so a version is never without them.
EVENT_ID = "viral.event_id"
ARTIFACT_URI, ARTIFACT_SHA256, METRICS = "viral.artifact_uri", "viral.artifact_sha256", "viral.metrics"


@dataclass(frozen=True)
class RegisteredVersion:
    """Describe a version; `artifact_uri` is the artefact's directory, `metrics` are of its validation."""

    model_version: int
    mlflow_run_id: str
    artifact_uri: str
    artifact_sha256: str
    metrics: dict[str, float]


class Registry:
    """Read and mark versions. Every call raises RegistryUnavailable within seconds if MLflow is away."""

    def __init__(self, mlflow_url: str) -> None:
        self._url = mlflow_url

    def check(self) -> None:
        """Check that MLflow and its database answer, whatever they say."""
        with suppress(ArtefactError):
            self._ask("GET", "experiments/get-by-name", experiment_name=MODEL_NAME)

    def find_version(
        self, mlflow_run_id: str, artifact_sha256: str, metrics: Mapping[str, float]
    ) -> RegisteredVersion | None:
        """Find the first version of a run, if its artefact has this digest.

        What else it holds is the caller's word: tags could be anybody's.
        """
        found = self._ask("GET", "model-versions/search", filter=f"run_id = '{mlflow_run_id}'")
        if not (versions := found.get("model_versions")):
            return None
        version = min(versions, key=lambda one: int(one["version"]))
        model = self._ask("GET", f"logged-models/{version['source'].removeprefix('models:/')}")["model"]
        artifact_uri = f"{model['info']['artifact_uri']}/{ARTEFACT_PATH}"
        if download_digest(self._url, artifact_uri) != artifact_sha256:
            return None
        return RegisteredVersion(
            int(version["version"]), mlflow_run_id, artifact_uri, artifact_sha256, dict(metrics)
        )

    def get_version(self, model_version: int) -> RegisteredVersion:
        """Get a version by its number. Raises UsageError if there is none, or its run is gone, or is not ours."""
        try:
            run_id = self._get(model_version)["run_id"]
            run = self._ask("GET", "runs/get", run_id=run_id)["run"]
        except ArtefactError as error:
            where = f"{split_account(self._url)[0]}/#/models"
            raise UsageError(f"{MODEL_NAME} has no version {model_version}; see {where}") from error
        tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        try:
            return RegisteredVersion(
                model_version, run_id, tags[ARTIFACT_URI], tags[ARTIFACT_SHA256], json.loads(tags[METRICS])
            )
        except KeyError as error:
            raise UsageError(f"{MODEL_NAME} version {model_version} was not made by the trainer") from error

    def set_alias(self, alias: Alias, model_version: int) -> None:
        """Let `models:/tweet-virality@alias` mean this version from now on."""
        self._ask("POST", "registered-models/alias", name=MODEL_NAME, alias=alias, version=str(model_version))

    def record_verdict(self, model_version: int, verdict: Verdict) -> None:
        """Show a verdict beside the version and its test metrics in the run; the same verdict again changes nothing."""
        at_ms = int(verdict.created_at.timestamp() * 1000)
        metrics = [
            {"key": f"test_{name}", "value": value, "timestamp": at_ms, "step": 0}
            for name, value in verdict.challenger_metrics.items()
        ]
        tags = {VERDICT: verdict.outcome} | ({PRECISION: verdict.precision} if verdict.precision else {})
        version = {"name": MODEL_NAME, "version": str(model_version)}
        run_id = self._get(model_version)["run_id"]
        for name, value in tags.items():
            self._ask("POST", "model-versions/set-tag", **version, key=name, value=value)
        self._ask("PATCH", "model-versions/update", **version, description=verdict.reason)
        self._ask("POST", "runs/log-batch", run_id=run_id, metrics=metrics)

    def download(self, artifact_uri: str, into: Path) -> Path:
        """Fetch a whole artefact into `into`, unchecked: `read_artefact` is next. Returns where it lies."""
        return download(self._url, artifact_uri, None, into)

    def _get(self, model_version: int) -> dict[str, Any]:
        found = self._ask("GET", "model-versions/get", name=MODEL_NAME, version=str(model_version))
        version: dict[str, Any] = found["model_version"]
        return version

    def _ask(self, method: str, call: str, **fields: Any) -> dict[str, Any]:
        """Ask by REST: MLflow's client takes 130 MB and seconds to import. Raises ArtefactError for a refusal."""
        url, body = f"{split_account(self._url)[0]}/api/2.0/mlflow/{call}", None
        if method == "GET":
            url += f"?{urlencode(fields)}"
        else:
            body = json.dumps(fields).encode()
        with open_reply(self._url, url, call, method, body) as reply:
            found: dict[str, Any] = json.load(reply)
        return found
