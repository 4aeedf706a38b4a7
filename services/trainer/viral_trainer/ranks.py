"""Several processes, on one host or many, that train together: docs/training.md.

Rank 0 is the trainer that everybody sees. The others own nothing: they wait for a training, help, and wait again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore, Store
from viral_common.errors import ViralError

log = structlog.get_logger()

# The others look for a training this often.
POLL_S = 0.5
# Rank 0 says this often that it is alive; the others leave when they have not heard of it for so long.
BEAT_S = 5.0
SILENCE_S = 60.0
# The longest that one rank may keep the others waiting within a training.
PATIENCE = timedelta(minutes=10)


class RankLost(ViralError):
    """Rank 0 or the store is gone: torchrun, or whatever started this process, starts all anew."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; the default is to be alone."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0  # among those of this host
    local_world: int = 1
    store: Store | None = field(default=None, repr=False)

    def add_up(self, values: Tensor) -> None:
        """Replace the values by the sum over all ranks. Every rank must call it."""
        if self.world > 1:
            dist.all_reduce(values)

    def agreed(self, answer: bool) -> bool:
        """Rank 0's answer, for every rank."""
        said = torch.tensor([answer and self.rank == 0], dtype=torch.float32)
        self.add_up(said)
        return bool(said.item())

    @contextmanager
    def training(self, number: int) -> Iterator[None]:
        """Connect all ranks for one training. New connections each time: old ones may have died of idleness."""
        if self.world == 1:
            yield
            return
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        store = PrefixStore(f"training/{number}", self._store)
        dist.init_process_group(backend, store=store, rank=self.rank, world_size=self.world, timeout=PATIENCE)
        try:
            yield
        finally:
            dist.destroy_process_group()

    def announced(self, size: int) -> int:
        """Rank 0: wake the others for a training whose description has `size` bytes; its number."""
        number = self._store.add("jobs", 1)
        self._store.set(f"job/{number}", str(size))
        return number

    def send(self, content: bytes) -> None:
        """Rank 0, within a training: give this to all others."""
        dist.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8), src=0)

    def received(self, size: int) -> bytes:
        """The others, within a training: what rank 0 sends."""
        content = torch.empty(size, dtype=torch.uint8)
        dist.broadcast(content, src=0)
        return content.numpy().tobytes()

    def await_job(self, number: int) -> int:
        """The others: sleep until the training is announced; the size of its description. Raises RankLost."""
        heard, heard_at = b"", time.monotonic()
        try:
            while not self._store.check([f"job/{number}"]):
                beat = self._store.get("beat") if self._store.check(["beat"]) else b""
                if beat != heard:
                    heard, heard_at = beat, time.monotonic()
                elif time.monotonic() - heard_at > SILENCE_S:
                    raise RankLost(f"nothing heard of rank 0 for {SILENCE_S:.0f} s")
                time.sleep(POLL_S)
            return int(self._store.get(f"job/{number}"))
        except dist.DistError as error:
            raise RankLost("the store of the ranks is gone") from error

    def beat(self) -> None:
        """Rank 0: say for ever, on a thread of its own, that it is alive."""
        if self.world > 1:
            threading.Thread(target=_beat, args=(self._store,), name="heartbeat", daemon=True).start()

    @property
    def _store(self) -> Store:
        assert self.store is not None  # noqa: S101  (only one that is alone has none)
        return self.store


ALONE = Ranks()


def these_ranks(environment: Mapping[str, str] = os.environ) -> Ranks:
    """As torchrun says in the environment; alone without it. Raises RankLost if the others are not found."""
    world = int(environment.get("WORLD_SIZE", "1"))
    if world == 1:
        return ALONE
    try:
        store, rank, world = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    except dist.DistError as error:
        raise RankLost(f"the other ranks are not found: {error}") from error
    local = int(environment["LOCAL_RANK"]), int(environment["LOCAL_WORLD_SIZE"])
    return Ranks(rank, world, *local, store)


def _beat(store: Store) -> None:
    while True:
        try:
            store.set("beat", str(time.time()))
        except dist.DistError as error:
            log.critical("the store of the ranks is gone", reason=str(error))
            os._exit(1)  # torchrun, which keeps it, is gone too: nobody would start the others again
        time.sleep(BEAT_S)
