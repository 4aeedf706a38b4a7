"""Save the artefact as an MLflow pyfunc model made from code, for `mlflow models serve`; nothing is pickled."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from viral_common.artefact.files import Artefact

# Where the artefact lies inside the pyfunc model: MLflow keeps a directory's own name.
ARTEFACT_PATH = "artifacts/artefact"
_CODE = Path(__file__).with_name("pyfunc_model.py")


def save_pyfunc(artefact: Artefact, into: Path, model_id: str, run_id: str) -> None:
    """Write the model's directory. Needs the full mlflow and a directory named `artefact`."""
    from mlflow.models import Model, ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import ColSpec, DataType, Schema

    inputs = Schema(
        [
            ColSpec(DataType.string, "text"),
            ColSpec(DataType.string, "username", required=False),
            ColSpec(DataType.string, "created_at", required=False),
            ColSpec(DataType.long, "photos_count", required=False),
            ColSpec(DataType.boolean, "has_video", required=False),
            ColSpec(DataType.boolean, "is_quote_tweet", required=False),
        ]
    )
    outputs = Schema([ColSpec(DataType.double, "probability"), ColSpec(DataType.boolean, "viral")])
    signature = ModelSignature(inputs=inputs, outputs=outputs)
    save_model(
        str(into),
        python_model=str(_CODE),
        artifacts={"artefact": str(artefact.directory)},
        mlflow_model=Model(model_id=model_id, run_id=run_id),
        signature=signature,
        input_example=[{"text": "Oil prices jump again #oil", "photos_count": 1}],
        # Named here so that MLflow need not run the model to find out.
        pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "onnxruntime", "tokenizers")],
    )
