"""Show searches for better settings in MLflow: a run each, with a run per trial inside."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow.entities import ViewType
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from viral_common.registry.client import connect, ensure_experiment, translate_errors
from viral_common.registry.runs import Run

EXPERIMENT = "tweet-virality-searches"
SEARCH = "viral.search"


class Searches:
    """Start and end the runs of searches and their trials."""

    def __init__(self, mlflow_url: str) -> None:
        self._client, self._url = connect(mlflow_url)

    def open(self, name: str) -> Run:
        """Open the run of the search `name`, found or made; those inside that still run were killed, and are marked so.

        For the one process that is at the search.
        """
        with translate_errors(self._url):
            experiment = ensure_experiment(self._client, EXPERIMENT)
            wanted = f"tags.`{SEARCH}` = '{name}'"
            found = self._client.search_runs([experiment], wanted, ViewType.ACTIVE_ONLY, max_results=1)
            if found:
                run_id = found[0].info.run_id
                self._client.update_run(run_id, "RUNNING")
                inside = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}' AND attributes.status = 'RUNNING'"
                for killed in self._client.search_runs([experiment], inside, ViewType.ACTIVE_ONLY):
                    self._client.set_terminated(killed.info.run_id, "KILLED")
            else:
                run_id = self._client.create_run(experiment, tags={SEARCH: name}, run_name=name).info.run_id
        return Run(self._client, self._url, experiment, run_id, {})

    def start_trial(self, search: str, name: str, params: Mapping[str, object]) -> Run:
        """Start a run inside the one of a search."""
        with translate_errors(self._url):
            experiment = ensure_experiment(self._client, EXPERIMENT)
            made = self._client.create_run(experiment, tags={MLFLOW_PARENT_RUN_ID: search}, run_name=name)
        run = Run(self._client, self._url, experiment, made.info.run_id, {})
        run.log_params(params)
        return run
