"""Show a training in MLflow: one run per event, live curves, the logged model and its registered version."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from uuid import UUID

import mlflow.entities
import structlog
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric, Param, RunTag, ViewType
from mlflow.exceptions import RestException

from viral_common.artefact.download import check_artifact_uri
from viral_common.artefact.files import Artefact
from viral_common.errors import NotYet, RegistryUnavailable
from viral_common.registry import versions
from viral_common.registry.client import connect, ensure_experiment, ignore_existing, translate_errors
from viral_common.registry.flavour import ARTEFACT_PATH, save_pyfunc
from viral_common.registry.versions import MODEL_NAME, RegisteredVersion

log = structlog.get_logger()

# What waits is sent together this often: live for people, and no brake on the training.
SEND_EVERY_S = 2.0
# Points that wait while MLflow is away: of 100 million tweets. What comes beyond is a gap in a curve.
MOST_WAITING = 50_000
# MLflow's own limit per request.
_MAX_POINTS = 1000


class Runs:
    """Start, continue and end runs. Each event has one active run."""

    def __init__(self, mlflow_url: str) -> None:
        self._client, self._url = connect(mlflow_url)

    def start(self, event_id: UUID, name: str, tags: Mapping[str, str], continued: str | None = None) -> Run:
        """Start a run that is tagged with its event, or continue the one named.

        Every other unfinished run of the event is deleted, and that one, too, if it cannot be continued.
        """
        with translate_errors(self._url):
            experiment_id = ensure_experiment(self._client, MODEL_NAME)
            check_artifact_uri(self._client.get_experiment(experiment_id).artifact_location)
            found = self.find(event_id, continued) if continued else None
            self._delete_unfinished(experiment_id, event_id, continued if found else None)
            if found:
                return found
            run = self._client.create_run(
                experiment_id, tags={**tags, versions.EVENT_ID: str(event_id)}, run_name=name
            )
        return Run(self._client, self._url, experiment_id, run.info.run_id, tags)

    def find(self, event_id: UUID, run_id: str) -> Run | None:
        """Find the event's run of this id, unless it was ended or deleted."""
        with translate_errors(self._url):
            for run in self._search(event_id):
                if run.info.run_id == run_id and run.info.status == "RUNNING":
                    return Run(self._client, self._url, run.info.experiment_id, run_id, run.data.tags)
        return None

    def finish(self, run_id: str) -> None:
        """Mark the run as finished; again changes nothing."""
        with translate_errors(self._url):
            if self._client.get_run(run_id).info.status != "FINISHED":
                self._client.set_terminated(run_id)

    def mark_failed(self, event_id: UUID) -> None:
        """Mark the event's unfinished run, if there is one, as failed; people may still look at its curves."""
        with translate_errors(self._url):
            for run in self._search(event_id):
                if run.info.status == "RUNNING":
                    self._client.set_terminated(run.info.run_id, "FAILED")

    def is_finished(self, run_id: str) -> bool:
        """Tell whether everything about the run was done."""
        with translate_errors(self._url):
            return bool(self._client.get_run(run_id).info.status == "FINISHED")

    def _search(self, event_id: UUID) -> list[mlflow.entities.Run]:
        experiment_id = ensure_experiment(self._client, MODEL_NAME)
        wanted = f"tags.`{versions.EVENT_ID}` = '{event_id}'"
        return list(self._client.search_runs([experiment_id], wanted, ViewType.ACTIVE_ONLY))

    def _delete_unfinished(self, experiment_id: str, event_id: UUID, but: str | None) -> None:
        for run in self._search(event_id):
            if run.info.run_id != but:
                delete_models(self._client, experiment_id, run.info.run_id)
                self._client.delete_run(run.info.run_id)


@dataclass
class Run:
    """Log one training while it runs, and register what it made.

    What is logged waits, is sent by a thread of its own, and so outlives an outage of MLflow.
    """

    _client: MlflowClient
    _url: str
    _experiment_id: str
    run_id: str
    _tags: Mapping[str, str]
    _points: deque[Metric] = field(default_factory=deque)
    _waiting: deque[Callable[[], object]] = field(default_factory=deque)
    _sending: threading.Lock = field(default_factory=threading.Lock)
    _ending: threading.Event = field(default_factory=threading.Event)
    _problem: Exception | None = None

    def __post_init__(self) -> None:
        threading.Thread(target=self._send_regularly, name="mlflow", daemon=True).start()

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log what was decided before the training."""
        sent = [Param(name, str(value)) for name, value in params.items()]
        self._waiting.append(partial(self._client.log_batch, self.run_id, params=sent))

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Add a point to each curve. Raises what sending met with, but for an outage."""
        if self._problem is not None:
            raise self._problem
        if len(self._points) < MOST_WAITING:
            now_ms = int(time.time() * 1000)
            self._points += [Metric(name, value, now_ms, step) for name, value in metrics.items()]

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Keep rows of equal columns as the artefact `name`, a table that MLflow shows beside those of other runs."""
        columns = {column: [row[column] for row in rows] for column in (rows[0] if rows else ())}

        def send() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MLflow's own use of pandas is about to be out of date
                self._client.log_table(self.run_id, columns, name)

        self._waiting.append(send)

    def log_text(self, name: str, text: str) -> None:
        """Keep a text as the artefact `name`; MLflow shows a page that ends in `.html` as a page."""
        self._waiting.append(partial(self._client.log_text, self.run_id, text, name))

    def describe(self, markdown: str) -> None:
        """Show a text on the run's page."""
        self.set_tag("mlflow.note.content", markdown)

    def set_tag(self, name: str, value: str) -> None:
        """Label the run; again changes the label."""
        self._waiting.append(partial(self._client.set_tag, self.run_id, name, value))

    def register(self, artefact: Artefact, metrics: Mapping[str, float]) -> RegisteredVersion:
        """Store the artefact once, inside a pyfunc model, and make it the newest version of `tweet-virality`.

        What was logged arrives first, however long MLflow is away.
        """
        self._send_the_rest()
        with self._ask():
            delete_models(self._client, self._experiment_id, self.run_id)  # of an attempt that was killed
            tags = {
                name: self._tags[name] for name in (versions.BATCH_ID, versions.SOURCE) if name in self._tags
            }
            model_id, artifact_uri = self._log_model(artefact, tags)
            facts = {
                versions.ARTIFACT_URI: artifact_uri,
                versions.ARTIFACT_SHA256: artefact.sha256,
                versions.METRICS: json.dumps(dict(metrics)),
            }
            self._client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in facts.items()])
            with ignore_existing():
                self._client.create_registered_model(MODEL_NAME, description="Will this tweet be liked?")
            version = self._client.create_model_version(
                MODEL_NAME,
                source=f"models:/{model_id}",
                run_id=self.run_id,
                model_id=model_id,
                tags=tags,
            )
        return RegisteredVersion(
            int(version.version), self.run_id, artifact_uri, artefact.sha256, dict(metrics)
        )

    @property
    def address(self) -> str:
        """Build the address of the run's page."""
        return f"{self._url}/#/experiments/{self._experiment_id}/runs/{self.run_id}"

    def end(self, status: str = "FINISHED") -> None:
        """End the run once all that was logged has arrived, however long MLflow is away."""
        self._send_the_rest()
        with self._ask():
            self._client.set_terminated(self.run_id, status)

    def _send_the_rest(self) -> None:
        self._ending.set()
        while not self.flush():
            time.sleep(SEND_EVERY_S)
        if self._problem is not None:
            raise self._problem

    def _send_regularly(self) -> None:
        while not self._ending.wait(SEND_EVERY_S):
            self.flush()

    def flush(self) -> bool:
        """Send what waits; False while MLflow is away."""
        try:
            with self._sending, self._ask():
                while self._waiting:
                    self._waiting[0]()
                    self._waiting.popleft()
                while some := list(islice(self._points, _MAX_POINTS)):
                    self._client.log_batch(self.run_id, metrics=some)
                    for _ in some:
                        self._points.popleft()
        except RegistryUnavailable as error:
            log.warning("MLflow is waited for; the training goes on", reason=str(error))
            return False
        except Exception as error:  # noqa: BLE001  (raised where the training logs next)
            self._problem = error
        return True

    @contextmanager
    def _ask(self) -> Iterator[None]:
        """Translate errors; a run that somebody deleted is no failure of the training, which begins again."""
        with translate_errors(self._url):
            try:
                yield
            except RestException as error:
                if self._is_deleted():
                    raise NotYet(f"run {self.run_id} was deleted in MLflow; training begins again") from error
                raise

    def _is_deleted(self) -> bool:
        try:
            return bool(self._client.get_run(self.run_id).info.lifecycle_stage == "deleted")
        except RestException as error:
            return bool(error.error_code == "RESOURCE_DOES_NOT_EXIST")

    def _log_model(self, artefact: Artefact, tags: dict[str, str]) -> tuple[str, str]:
        model = self._client.create_logged_model(
            self._experiment_id, name=MODEL_NAME, source_run_id=self.run_id, tags=tags
        )
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch) / "model"
            save_pyfunc(artefact, directory, model.model_id, self.run_id)
            self._client.log_model_artifacts(model.model_id, str(directory))
        self._client.finalize_logged_model(model.model_id, "READY")
        self._client.log_outputs(self.run_id, [LoggedModelOutput(model.model_id, step=0)])
        return model.model_id, f"{model.artifact_location}/{ARTEFACT_PATH}"


def delete_models(client: MlflowClient, experiment_id: str, run_id: str) -> None:
    """Delete the models that a run logged."""
    for model in client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'"):
        client.delete_logged_model(model.model_id)
