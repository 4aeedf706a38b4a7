"""Read over REST how a training goes that MLflow records, for people to watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from viral_local.http_client import open_http

MODEL_NAME = "tweet-virality"


@dataclass(frozen=True)
class RunProgress:
    """Hold the newest values; None where there is none yet."""

    step: int | None
    train_loss: float | None
    val_auc: float | None
    best_epoch: float | None = None
    best_auc: float | None = None
    """Of the model that was saved."""

    def format_live(self) -> str:
        """Format it while it trains."""
        if self.step is None or self.train_loss is None:
            return "begun"
        auc = f", validation AUC {self.val_auc:.3f}" if self.val_auc is not None else ""
        return f"step {self.step:,}, loss {self.train_loss:.3f}{auc}"

    def format_result(self) -> str:
        """Format it when it is over."""
        steps = f"{self.step or 0:,} steps"
        if self.best_epoch is None or self.best_auc is None:
            return steps
        return f"{steps}, best after epoch {self.best_epoch:.2g}, validation AUC {self.best_auc:.3f}"


def find_newest_run(mlflow_url: str, batch_id: UUID) -> RunProgress | None:
    """Find the batch's; None if there is none yet or MLflow is busy."""
    try:
        with open_http(mlflow_url, "/api/2.0/mlflow", timeout_s=10) as mlflow:
            experiment = mlflow.get("/experiments/get-by-name", params={"experiment_name": MODEL_NAME})
            experiment.raise_for_status()
            found = mlflow.post(
                "/runs/search",
                json={
                    "experiment_ids": [experiment.json()["experiment"]["experiment_id"]],
                    "filter": f"tags.`viral.batch_id` = '{batch_id}'",
                    "order_by": ["attributes.start_time DESC"],
                    "max_results": 1,
                },
            )
            found.raise_for_status()
    except httpx.HTTPError:
        return None
    runs = found.json().get("runs", [])
    return _parse_progress(runs[0]["data"]) if runs else None


def _parse_progress(data: dict[str, list[dict[str, Any]]]) -> RunProgress:
    newest = {metric["key"]: metric for metric in data.get("metrics", [])}
    loss, auc = (newest.get(key) for key in ("train_loss", "val_auc"))
    best_epoch, best_auc = (newest.get(key) for key in ("best_epoch", "best_val_auc"))
    return RunProgress(
        step=int(loss["step"]) if loss else None,
        train_loss=loss["value"] if loss else None,
        val_auc=auc["value"] if auc else None,
        best_epoch=best_epoch["value"] if best_epoch else None,
        best_auc=best_auc["value"] if best_auc else None,
    )
