"""Do what takes torch, in a process of its own (`python -m viral_trainer.job`): its memory goes back when it ends."""

from __future__ import annotations

import errno
import shutil
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import REGISTRY
from safetensors import SafetensorError
from viral_common.child import answer_parent, limit_memory
from viral_common.database.engine import connect, make_sessions, translate_outage
from viral_common.errors import ChildFailed, NotYet, UsageError, summarise_error
from viral_common.events import BatchCollected
from viral_common.logging import configure_logging
from viral_common.ray_cluster import join_ray
from viral_common.settings import load_settings
from viral_common.signing.signer import make_signer

from viral_trainer.model.base_model import BaseModel, find_base_model
from viral_trainer.settings import TrainerSettings

if TYPE_CHECKING:
    from viral_trainer.training.ray_cluster import RayCluster

# What a training writes at most: two checkpoints, or one, the export and a copy of that on its way to MLflow. By the
# bytes of the base model's weights, and for all that is beside it, token pairs above all (measured).
ROOM_PER_WEIGHT, ROOM_BESIDES = 8, 150 << 20


def find_base(settings: TrainerSettings, _request: dict[str, Any]) -> dict[str, Any]:
    """Find the base model, check the key that signs, and say how much room a training takes."""
    if settings.ray_address and find_spec("ray") is None:
        raise UsageError("VIRAL_RAY_ADDRESS needs Ray: install viral-tweets[ray], or locks/ray.txt")
    base = find_base_model(settings.base_model)
    make_signer(settings)
    (settings.data_dir / "trainer").mkdir(parents=True, exist_ok=True)
    weights = sum(path.stat().st_size for path in base.directory.glob("*.safetensors"))
    return {
        "base": {"name": base.name, "source": base.source, "directory": str(base.directory)},
        "room": ROOM_PER_WEIGHT * weights + ROOM_BESIDES,
    }


def train(settings: TrainerSettings, request: dict[str, Any]) -> int:
    """Train on the event's batch; return how many reports failed."""
    from viral_common.registry.runs import Runs
    from viral_common.registry.versions import Registry
    from viral_common.stores.tweets import TweetStore

    from viral_trainer.data.store import TrainingStore
    from viral_trainer.eda.on_run import BatchReports
    from viral_trainer.handlers import Trainer
    from viral_trainer.training.challenger import MlflowChallengers

    event = BatchCollected.model_validate(request["event"])
    base = BaseModel(**{**request["base"], "directory": Path(request["base"]["directory"])})
    sessions = make_sessions(connect(settings, "viral-trainer training"))
    challengers = MlflowChallengers(
        Runs(settings.mlflow_url),
        Registry(settings.mlflow_url),
        lambda: base,
        settings,
        BatchReports(sessions, TweetStore(sessions), settings).put_on,
        make_signer(settings),
        partial(join_cluster, settings),
    )
    # What libraries write aside goes with the training's folder.
    tempfile.tempdir = request["folder"]
    Path(request["folder"]).mkdir(exist_ok=True)
    with translate_outage():
        Trainer(TrainingStore(sessions, settings), challengers, settings).on_batch_collected(event)
    return int(REGISTRY.get_sample_value("viral_reports_failed_total") or 0)


def join_cluster(settings: TrainerSettings) -> RayCluster | None:
    """Join the Ray cluster to train on, if there is one."""
    if not settings.ray_address:
        return None
    head = join_ray(settings)
    from viral_trainer.training.ray_cluster import RayCluster

    return RayCluster.build(settings, head)


def give_up(settings: TrainerSettings, request: dict[str, Any]) -> None:
    """Mark the event's run in MLflow as failed."""
    from viral_common.registry.runs import Runs

    Runs(settings.mlflow_url).mark_failed(BatchCollected.model_validate(request["event"]).id)


JOBS = {job.__name__: job for job in (find_base, train, give_up)}


def work(request: dict[str, Any]) -> Any:
    """Do the job that is named. A full disk is waited for, and memory that is too small is said in words."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer", settings)
    limit_memory(settings.train_memory)
    structlog.contextvars.bind_contextvars(**request.get("log", {}))
    try:
        return JOBS[request["job"]](settings, request)
    except (OSError, RuntimeError, ImportError, SafetensorError, MemoryError) as error:
        # Not every library says why it could not write.
        if (
            getattr(error, "errno", None) == errno.ENOSPC
            or shutil.disk_usage(settings.data_dir).free < 1 << 20
        ):
            raise NotYet(f"the disk of {settings.data_dir} is full ({summarise_error(error)})") from error
        if isinstance(error, MemoryError) or "alloc" in str(error).lower():
            raise ChildFailed(
                "the training ran out of memory (VIRAL_TRAIN_MEMORY, or the machine's)"
            ) from error
        raise


if __name__ == "__main__":
    answer_parent(work)
