"""Everything MLflow: runs, model versions, artefacts. No other package imports mlflow."""

from viral_common.registry.comparisons import Comparisons
from viral_common.registry.runs import Run, Runs
from viral_common.registry.versions import BATCH_ID, MODEL_NAME, SOURCE, Alias, RegisteredVersion, Registry

__all__ = [
    "BATCH_ID",
    "MODEL_NAME",
    "SOURCE",
    "Alias",
    "Comparisons",
    "RegisteredVersion",
    "Registry",
    "Run",
    "Runs",
]
