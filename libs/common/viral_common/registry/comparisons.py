"""Log comparisons in MLflow: a run each, with a run per contender inside."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow.entities import Metric, Param
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from viral_common.registry.client import connect, ensure_experiment, translate_errors

EXPERIMENT = "tweet-virality-comparisons"


class Comparisons:
    """Log comparisons; nothing of one is ever changed."""

    def __init__(self, mlflow_url: str) -> None:
        self._client, self._url = connect(mlflow_url)

    def check(self) -> None:
        """Raise RegistryUnavailable if MLflow does not answer: better before hours of training than after."""
        with translate_errors(self._url):
            ensure_experiment(self._client, EXPERIMENT)

    def record(
        self,
        name: str,
        params: Mapping[str, object],
        contenders: Mapping[str, Mapping[str, float]],  # figures by name, by contender
        files: Sequence[Path],
    ) -> str:
        """Log a whole comparison and return the address of its page."""
        with translate_errors(self._url):
            experiment = ensure_experiment(self._client, EXPERIMENT)
            parent = self._log_run(experiment, name, params, {}, {})
            for contender, figures in contenders.items():
                child = self._log_run(experiment, contender, params, figures, {MLFLOW_PARENT_RUN_ID: parent})
                self._client.set_terminated(child)
            for file in files:
                self._client.log_artifact(parent, str(file))
            self._client.set_terminated(parent)
        return f"{self._url}/#/experiments/{experiment}/runs/{parent}"

    def _log_run(
        self,
        experiment: str,
        name: str,
        params: Mapping[str, object],
        figures: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> str:
        run_id = str(self._client.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id)
        now_ms = int(time.time() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[Metric(figure, value, now_ms, 0) for figure, value in figures.items()],
            params=[Param(param, str(value)) for param, value in params.items()],
        )
        return run_id
