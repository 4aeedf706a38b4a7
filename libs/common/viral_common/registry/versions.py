"""The registered model `tweet-virality`: its versions, their aliases and their artefacts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from mlflow.artifacts import download_artifacts
from mlflow.entities import Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException, RestException

from viral_common.database.tables import Verdict
from viral_common.errors import ArtefactError, UsageError, summarise_error
from viral_common.registry.client import connect, translate_errors

MODEL_NAME = "tweet-virality"
Alias = Literal["champion", "challenger"]

# Tags of a version. They are written together with it, so a version is never without them.
EVENT_ID, BATCH_ID, SOURCE = "viral.event_id", "viral.batch_id", "viral.source"
ARTIFACT_URI, ARTIFACT_SHA256, METRICS = "viral.artifact_uri", "viral.artifact_sha256", "viral.metrics"


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of `tweet-virality`; `artifact_uri` is the artefact's directory, `metrics` are of its validation."""

    version: int
    run_id: str
    artifact_uri: str
    artifact_sha256: str
    metrics: dict[str, float]


class Registry:
    """Reads and marks versions. Every call raises RegistryUnavailable within seconds if MLflow is away."""

    def __init__(self, mlflow_url: str) -> None:
        self._url = mlflow_url.rstrip("/")
        self._client = connect(self._url)

    def find_version(self, event_id: UUID) -> RegisteredVersion | None:
        """The version that the event `event_id` led to."""
        wanted = f"name = '{MODEL_NAME}' and tags.`{EVENT_ID}` = '{event_id}'"
        with translate_errors(self._url):
            found = self._client.search_model_versions(wanted)
        return _registered(found[0]) if found else None

    def get_version(self, version: int) -> RegisteredVersion:
        """Raises UsageError if there is no such version."""
        try:
            with translate_errors(self._url):
                return _registered(self._client.get_model_version(MODEL_NAME, str(version)))
        except RestException as error:
            raise UsageError(f"{MODEL_NAME} has no version {version}; see {self._url}/#/models") from error

    def set_alias(self, alias: Alias, version: int) -> None:
        """Let `models:/tweet-virality@alias` mean this version from now on."""
        with translate_errors(self._url):
            self._client.set_registered_model_alias(MODEL_NAME, alias, str(version))

    def find_aliased_version(self, alias: Alias) -> int | None:
        """The version that carries the alias."""
        try:
            with translate_errors(self._url):
                return int(self._client.get_model_version_by_alias(MODEL_NAME, alias).version)
        except RestException:
            return None

    def record_verdict(self, version: int, verdict: Verdict) -> None:
        """Show a verdict beside the version and its test metrics in the run; the same verdict again changes nothing."""
        at_ms = int(verdict.created_at.timestamp() * 1000)
        metrics = [
            Metric(f"test_{name}", value, at_ms, 0) for name, value in verdict.challenger_metrics.items()
        ]
        with translate_errors(self._url):
            found = self._client.get_model_version(MODEL_NAME, str(version))
            for name, value in _told(verdict).items():
                self._client.set_model_version_tag(MODEL_NAME, str(version), f"viral.{name}", value)
            self._client.update_model_version(MODEL_NAME, str(version), verdict.reason)
            self._client.log_batch(found.run_id, metrics=metrics)

    def download(self, artifact_uri: str, into: Path) -> Path:
        """Fetch an artefact's directory into `into`, unchecked: `read_artefact` is next. Returns where it lies."""
        try:
            with translate_errors(self._url):
                return Path(
                    download_artifacts(artifact_uri=artifact_uri, dst_path=str(into), tracking_uri=self._url)
                )
        except MlflowException as error:
            raise ArtefactError(
                f"{artifact_uri}: MLflow cannot deliver it ({summarise_error(error)})"
            ) from error

    def build_run_url(self, run_id: str) -> str:
        """Where a person sees the run."""
        with translate_errors(self._url):
            experiment_id = self._client.get_run(run_id).info.experiment_id
        return f"{self._url}/#/experiments/{experiment_id}/runs/{run_id}"


def _told(verdict: Verdict) -> dict[str, str]:
    told = {"verdict": verdict.outcome, "verdict_reason": verdict.reason}
    return told | ({"precision": verdict.precision} if verdict.precision else {})


def _registered(version: ModelVersion) -> RegisteredVersion:
    try:
        return RegisteredVersion(
            version=int(version.version),
            run_id=version.run_id,
            artifact_uri=version.tags[ARTIFACT_URI],
            artifact_sha256=version.tags[ARTIFACT_SHA256],
            metrics=json.loads(version.tags[METRICS]),
        )
    except KeyError as error:
        raise UsageError(f"{MODEL_NAME} version {version.version} was not made by the trainer") from error
