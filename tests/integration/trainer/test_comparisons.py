"""Comparisons in MLflow."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from mlflow import MlflowClient
from viral_common.registry.comparisons import Comparisons


def test_a_comparison_is_a_run_with_a_run_per_contender_inside(mlflow_url: str, tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    table.write_text("| model | AUC |")
    figures = {"majority": {"auc": 0.5}, "trees+author": {"auc": 0.75, "auc_low": 0.74}}

    address = Comparisons(mlflow_url).record(
        f"test {uuid4()}", {"split": "time", "tweets": 400}, figures, [table]
    )

    client = MlflowClient(mlflow_url, mlflow_url)
    parent = client.get_run(address.rsplit("/", 1)[1])
    inside = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    assert {run.info.run_name: run.data.metrics for run in inside} == figures
    assert parent.data.params == {"split": "time", "tweets": "400"}
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["table.md"]
    assert {run.info.status for run in (parent, *inside)} == {"FINISHED"}
