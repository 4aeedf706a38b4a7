"""Read and mark the versions of the registered model `tweet-virality`, their aliases and their artefacts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from uuid import UUID

from mlflow import MlflowClient
from mlflow.entities import Metric, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import RestException

from viral_common.artefact.download import download
from viral_common.database.tables import Verdict
from viral_common.errors import UsageError
from viral_common.registry.client import connect, ensure_experiment, translate_errors
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

    @classmethod
    def from_mlflow(cls, version: ModelVersion, run: Run) -> Self:
        """Read a version and its run. Raises UsageError if the trainer did not make it."""
        tags = run.data.tags
        try:
            return cls(
                model_version=int(version.version),
                mlflow_run_id=version.run_id,
                artifact_uri=tags[ARTIFACT_URI],
                artifact_sha256=tags[ARTIFACT_SHA256],
                metrics=json.loads(tags[METRICS]),
            )
        except KeyError as error:
            raise UsageError(f"{MODEL_NAME} version {version.version} was not made by the trainer") from error


class Registry:
    """Read and mark versions. Every call raises RegistryUnavailable within seconds if MLflow is away."""

    def __init__(self, mlflow_url: str) -> None:
        self._client, self._url = connect(mlflow_url)

    def find_version(
        self, mlflow_run_id: str, artifact_sha256: str, metrics: Mapping[str, float]
    ) -> RegisteredVersion | None:
        """Find the first version of a run. What it holds is the caller's word: tags could be anybody's."""
        with translate_errors(self._url):
            found = self._client.search_model_versions(f"run_id = '{mlflow_run_id}'")
            if not found:
                return None
            version = min(found, key=lambda one: int(one.version))
            model = self._client.get_logged_model(version.source.removeprefix("models:/"))
        return RegisteredVersion(
            int(version.version),
            mlflow_run_id,
            f"{model.artifact_location}/{ARTEFACT_PATH}",
            artifact_sha256,
            dict(metrics),
        )

    def get_version(self, model_version: int) -> RegisteredVersion:
        """Get a version by its number. Raises UsageError if there is none, or its run is gone."""
        try:
            with translate_errors(self._url):
                version = self._client.get_model_version(MODEL_NAME, str(model_version))
                return RegisteredVersion.from_mlflow(version, self._client.get_run(version.run_id))
        except RestException as error:
            raise UsageError(
                f"{MODEL_NAME} has no version {model_version}; see {self._url}/#/models"
            ) from error

    def set_alias(self, alias: Alias, model_version: int) -> None:
        """Let `models:/tweet-virality@alias` mean this version from now on."""
        with translate_errors(self._url):
            self._client.set_registered_model_alias(MODEL_NAME, alias, str(model_version))

    def record_verdict(self, model_version: int, verdict: Verdict) -> None:
        """Show a verdict beside the version and its test metrics in the run; the same verdict again changes nothing."""
        at_ms = int(verdict.created_at.timestamp() * 1000)
        metrics = [
            Metric(f"test_{name}", value, at_ms, 0) for name, value in verdict.challenger_metrics.items()
        ]
        tags = {VERDICT: verdict.outcome} | ({PRECISION: verdict.precision} if verdict.precision else {})
        with translate_errors(self._url):
            found = self._client.get_model_version(MODEL_NAME, str(model_version))
            for name, value in tags.items():
                self._client.set_model_version_tag(MODEL_NAME, str(model_version), name, value)
            self._client.update_model_version(MODEL_NAME, str(model_version), verdict.reason)
            self._client.log_batch(found.run_id, metrics=metrics)

    def download(self, artifact_uri: str, into: Path) -> Path:
        """Fetch a whole artefact into `into`, unchecked: `read_artefact` is next. Returns where it lies."""
        return download(self._url, artifact_uri, None, into)


def search_runs(client: MlflowClient, event_id: UUID, which: int) -> list[Run]:
    """Search the runs that the event `event_id` led to; `which` is one of MLflow's ViewType."""
    experiment_id = ensure_experiment(client, MODEL_NAME)
    return list(client.search_runs([experiment_id], f"tags.`{EVENT_ID}` = '{event_id}'", which))
