"""Run tasks in this process, in several of this host or on a Ray cluster; the results come in the tasks' order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol, TypeVar

from viral_common.child import end_with_parent
from viral_common.errors import ChildFailed, ServerAway
from viral_common.ray_cluster import RaySettings, join_lines, join_ray, require_head

Task = TypeVar("Task")
Result = TypeVar("Result")

GOES_ON = "the same command goes on where this one stopped"
PROBE_EVERY_S = 5.0
ONE_CORE = {"CPU": 1.0}


class Workers(Protocol):
    """Describe who runs tasks. Work may be repeated, and leaves its result on a disk that all share or returns it."""

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        """Run `work`, a module's function, on each task. Raises what it raises."""


class InProcess:
    """Run one task after the other, each when its result is asked for."""

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        """Run them here."""
        return map(work, tasks)


class RayTasks:
    """Run them on the cluster that this process has joined; what a lost node had is done again by others."""

    def __init__(self, head: str, resources: Mapping[str, float]) -> None:
        """Take the head's host:port, and what each task takes, as Ray names it."""
        self._head = head
        self._options = {
            "num_cpus": resources.get("CPU", 0),
            "num_gpus": resources.get("GPU", 0),
            "resources": {name: amount for name, amount in resources.items() if name not in ("CPU", "GPU")},
            "runtime_env": {"env_vars": {"OMP_WAIT_POLICY": "PASSIVE"}},
        }

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        """Run them there. Raises ChildFailed if the cluster cannot."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        remote = ray.remote(work).options(**self._options)
        waiting = [remote.remote(task) for task in tasks]
        try:
            for result in waiting:
                while not ray.wait([result], timeout=PROBE_EVERY_S)[0]:
                    require_head(self._head)  # else Ray ends this process after a minute
                yield ray.get(result)
        except ServerAway as error:
            raise ChildFailed(f"{error}; {GOES_ON}") from error
        except RayTaskError as error:
            raise error.cause from error
        except RayError as error:
            raise ChildFailed(f"the Ray cluster failed: {join_lines(error)}; {GOES_ON}") from error


@contextmanager
def start_workers(
    processes: int, settings: RaySettings | None = None, resources: Mapping[str, float] = ONE_CORE
) -> Iterator[Workers]:
    """Join a cluster, or start so many processes, which end with this one and with the block.

    `resources` are what a task takes on a cluster.
    Raises ChildFailed if one is killed.
    """
    if settings is not None and settings.ray_address:
        yield RayTasks(join_ray(settings), resources)
        import ray

        ray.shutdown()  # not from a lost one, which would not answer
        return
    if processes == 1:
        yield InProcess()
        return
    # Not forked: nobody may inherit the locks that this process holds.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, end_with_parent, (os.getpid(),)) as pool:
        try:
            yield pool
        except BrokenProcessPool as error:
            raise ChildFailed(f"a worker process was killed; is there enough memory? {GOES_ON}") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.kill()
