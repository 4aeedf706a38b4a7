"""Everything MLflow: runs, model versions, artefacts. No other package imports mlflow."""

from viral_common.registry.runs import Run, Runs
from viral_common.registry.versions import MODEL_NAME, Alias, RegisteredVersion, Registry

__all__ = ["MODEL_NAME", "Alias", "RegisteredVersion", "Registry", "Run", "Runs"]
