"""Train on a Ray cluster: the same loop in each of its workers, wrapped by Ray Train (docs/scaling-out.md).

This process reads the tweets, keeps the checkpoint and speaks with MLflow; workers get numbers alone, and no secret.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import ray
import structlog
import torch
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchTrainer, get_device, prepare_model
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from torch import Tensor
from viral_common.errors import ChildFailed, NotYet, ViralError
from viral_common.ray_cluster import POLL_S, join_lines, require_head

from viral_trainer.data.examples import Examples
from viral_trainer.devices import Device, find_device, find_processor
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.checkpoint import State, digest_program
from viral_trainer.training.group import Group
from viral_trainer.training.loop import Recipe, Trained, copy_weights, train

log = structlog.get_logger()

LOSSES_AT_ONCE = 10  # that are sent together
PROBE_EVERY_S = 5.0
# Its nodes end themselves after a minute without the head.
HEAD_AWAY_S = 30.0


@dataclass(frozen=True)
class RayCluster:
    """Train on a cluster instead of in this process."""

    settings: TrainerSettings
    head: str  # host:port
    resources: dict[str, float]  # of each worker

    @classmethod
    def build(cls, settings: TrainerSettings, head: str) -> RayCluster:
        """Build it for the cluster that this process has joined: each worker takes a GPU where there are any."""
        gpu = {"GPU": 1.0} if ray.cluster_resources().get("GPU", 0) else {}
        return cls(settings, head, gpu | settings.ray_worker_resources)

    @property
    def device(self) -> Device:
        """What its workers compute on; in which numbers is up to each."""
        return Device("cuda" if self.resources.get("GPU") else "cpu", None)

    def describe(self) -> str:
        """Say what is trained on."""
        each = ", ".join(f"{amount:g} {name}" for name, amount in self.resources.items())
        least, most = self.settings.ray_min_workers, self.settings.ray_workers
        return f"Ray {ray.__version__}, {least} to {most} workers of {each}"

    def train(
        self,
        network: ViralityNetwork,
        examples: Examples,
        validation: Examples,
        recipe: Recipe,
        on_step: Callable[[int, Tensor], None],
        on_validation: Callable[[float, int, dict[str, float]], None],
        kept: State | None = None,
        keep: Callable[[State], None] = lambda _: None,
    ) -> Trained:
        """Do as `viral_trainer.training.loop.train` does."""
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        mailbox = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote(kept)
        work = ray.put((network, examples, validation, recipe))
        order = {"program": digest_program(), "mailbox": mailbox, "work": work}
        nodes: dict[int, str] = {}
        trained: Trained | None = None

        def on_start(rank: int, size: int, node: str) -> None:
            log.info("a worker trains on Ray", rank=rank, workers=size, node=node)
            nodes[rank] = node
            for gone in [other for other in nodes if other >= size]:
                del nodes[gone]

        def on_steps(steps: list[int], losses: list[float]) -> None:
            for step, loss in zip(steps, losses, strict=True):
                on_step(step, torch.tensor(loss))

        def on_end(reached: Trained, best_weights: dict[str, Tensor]) -> None:
            nonlocal trained
            trained = reached
            network.load_state_dict(best_weights, strict=False)

        receivers: dict[str, Callable[..., None]] = {"on_validation": on_validation, "keep": keep}
        receivers |= {"on_start": on_start, "on_steps": on_steps, "on_end": on_end}
        fitting = ThreadPoolExecutor(1, "ray").submit(self._make_trainer(order).fit)
        try:
            self._read_letters(fitting, mailbox, receivers)
            fitting.result()
        except TrainingFailedError as error:
            raise _translate_failure(error) from error
        except RayError as error:
            raise NotYet(
                f"the Ray cluster at {self.head} was lost, or asks for no token: {join_lines(error)}"
            ) from error
        assert trained is not None  # noqa: S101  (no failure, so it came)
        network.eval()
        return replace(trained, place=f"Ray: {', '.join(nodes[rank] for rank in sorted(nodes))}")

    def _read_letters(
        self, fitting: Future[Any], mailbox: Any, receivers: dict[str, Callable[..., None]]
    ) -> None:
        """Read them until the training is over. Raises NotYet when none come any more, or the head is gone."""
        answered = probed = time.monotonic()
        over = False
        while not over:
            over = fitting.done()  # asked first, so that the last letters are read
            letters = ray.get(mailbox.take.remote(), timeout=self.settings.ray_timeout_s)
            for name, arguments in letters:
                receivers[name](*arguments)
            now = time.monotonic()
            answered = now if letters else answered
            if now - answered > self.settings.ray_timeout_s:
                raise NotYet(self._explain_silence())
            if now - probed > PROBE_EVERY_S:
                require_head(self.head, HEAD_AWAY_S)
                probed = time.monotonic()
            time.sleep(POLL_S)

    def _make_trainer(self, order: dict[str, Any]) -> TorchTrainer:
        most, least = self.settings.ray_workers, self.settings.ray_min_workers
        return TorchTrainer(
            train_in_worker,
            train_loop_config={**order, "threads": max(1, int(self.resources.get("CPU", 1)))},
            scaling_config=ScalingConfig(
                num_workers=(least, most),
                use_gpu=bool(self.resources.get("GPU")),
                resources_per_worker=self.resources,
            ),
            run_config=RunConfig(
                storage_path=tempfile.gettempdir(),  # for marks of its own
                failure_config=FailureConfig(max_failures=self.settings.ray_max_failures),
                worker_runtime_env={"env_vars": {"OMP_WAIT_POLICY": "PASSIVE"}},
            ),
        )

    def _explain_silence(self) -> str:
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(
            int(
                min(
                    (node.get(name, 0) // amount for name, amount in self.resources.items() if amount),
                    default=0,
                )
            )
            for node in alive
        )
        return (
            f"no word from Ray's workers for {self.settings.ray_timeout_s:g} s; wanted are {self.describe()}, "
            f"and the cluster's {len(alive)} nodes have room for {room}"
        )


@dataclass
class Mailbox:
    """Hold, on this host, what workers say to this process, and the newest state for those that go on from there."""

    kept: State | None
    letters: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def send(self, name: str, *arguments: Any) -> None:
        """Put a letter in."""
        if name == "keep":
            (self.kept,) = arguments
        self.letters.append((name, arguments))

    def take(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Take all letters out."""
        letters, self.letters = self.letters, []
        return letters

    def read_kept(self) -> State | None:
        """Read the newest state."""
        return self.kept


def train_in_worker(order: dict[str, Any]) -> None:
    """Train with the others, from the newest state; the first tells what is reached."""
    node = ray.util.get_node_ip_address()
    if order["program"] != digest_program():
        raise NotYet(f"node {node} runs another version of viral-trainer than this one")
    send = order["mailbox"].send.remote
    network, examples, validation, recipe = ray.get(order["work"])
    kept = ray.get(order["mailbox"].read_kept.remote())
    device = (
        replace(find_device(), name=str(get_device())) if get_device().type == "cuda" else find_processor()
    )
    group = Group.find(device.name)
    send("on_start", group.rank, group.size, node)
    losses: dict[int, Tensor] = {}

    def on_step(step: int, loss: Tensor) -> None:
        losses[step] = loss
        if len(losses) == LOSSES_AT_ONCE:  # a GPU is not waited for at every step
            tell("on_steps", list(losses), torch.stack(list(losses.values())).tolist())
            losses.clear()

    def tell(name: str, *arguments: Any) -> None:
        if group.rank == 0:
            send(name, *arguments)

    trained = train(
        network,
        examples,
        validation,
        replace(recipe, threads=order["threads"]),
        on_step,
        lambda *arguments: tell("on_validation", *arguments),
        device,
        # The keys' bias of the last layer changes nothing and learns nothing.
        lambda model: prepare_model(model, parallel_strategy_kwargs={"static_graph": True}),
        kept,
        lambda state: tell("keep", state),
        group,
    )
    # As a letter, for Ray Train returns no tensors; waited for, as this process ends next.
    if group.rank == 0:
        ray.get(send("on_end", trained, copy_weights(network)))


def _translate_failure(error: TrainingFailedError) -> ViralError:
    failures = list(getattr(error, "worker_failures", {}).values()) or [error]
    for own in failures:
        if isinstance(own, ViralError):
            return NotYet(str(own))
    # A process that is gone, before one that torch then misses it in.
    first = min(failures, key=lambda failure: isinstance(failure, RuntimeError))
    return ChildFailed(f"the training on Ray failed: {join_lines(first)}")
