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
from uuid import uuid4

import structlog
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]  # public, says its documentation
from viral_common.errors import ViralError, summarise_error

log = structlog.get_logger()

# The others look for a training this often.
POLL_S = 0.5
# Rank 0 says this often that it is alive; the others leave when they have not heard of it for so long.
BEAT_S = 2.0
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
    session: str = field(default_factory=lambda: uuid4().hex)  # of this process; rank 0's names trainings

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
    def training(self, name: str) -> Iterator[None]:
        """Connect all ranks for one training. New connections each time: old ones may have died of idleness."""
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        store = PrefixStore(name, self._store)
        dist.init_process_group(backend, store=store, rank=self.rank, world_size=self.world, timeout=PATIENCE)
        try:
            yield
        finally:
            dist.destroy_process_group()

    def announced(self, size: int) -> str:
        """Rank 0: wake the others for a training whose description has `size` bytes; its name."""
        name = f"{self.session}/{self._store.add('trainings', 1)}"
        self._store.set("training", f"{name} {size}")
        return name

    def announcements(self) -> Iterator[tuple[str, int]]:
        """The others: each training's name and the bytes of its description; sleeps in between. Raises RankLost.

        The store may outlive a rank 0 that was killed, and then still says what that one announced: only the session
        that is heard to live counts.
        """
        session, heard, heard_at, last = "", self._said("beat"), time.monotonic(), ""
        while True:
            if (beat := self._said("beat")) != heard:
                session, heard, heard_at = beat.split()[0], beat, time.monotonic()
            elif time.monotonic() - heard_at > SILENCE_S:
                raise RankLost(f"nothing heard of rank 0 for {SILENCE_S:.0f} s")
            announced = self._said("training")
            if session and announced.startswith(f"{session}/") and announced != last:
                name, size = announced.split()
                yield name, int(size)
                last, heard_at = announced, time.monotonic()
            time.sleep(POLL_S)

    def send(self, content: bytes) -> None:
        """Rank 0, within a training: give this to all others."""
        dist.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8), src=0)

    def received(self, size: int) -> bytes:
        """The others, within a training: what rank 0 sends."""
        content = torch.empty(size, dtype=torch.uint8)
        dist.broadcast(content, src=0)
        return content.numpy().tobytes()

    def beat(self) -> None:
        """Rank 0: say for ever, on a thread of its own, that it is alive."""
        if self.world > 1:
            # By a connection of its own: while ranks connect, theirs is taken.
            store: Store = self._store.clone()  # type: ignore[attr-defined]
            threading.Thread(target=self._beat, args=(store,), name="heartbeat", daemon=True).start()

    def _beat(self, store: Store) -> None:
        while True:
            try:
                store.set("beat", f"{self.session} {time.time()}")
            except dist.DistError as error:
                log.critical("the store of the ranks is gone", reason=summarise_error(error))
                os._exit(1)  # and with it torchrun: only whoever started that can start the others again
            time.sleep(BEAT_S)

    def _said(self, key: str) -> str:
        """What rank 0 said last, empty for nothing. Raises RankLost."""
        try:
            return self._store.get(key).decode() if self._store.check([key]) else ""
        except dist.DistError as error:
            raise RankLost("the store of the ranks is gone") from error

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
        raise RankLost(f"the other ranks are not found: {summarise_error(error)}") from error
    local = int(environment["LOCAL_RANK"]), int(environment["LOCAL_WORLD_SIZE"])
    return Ranks(rank, world, *local, store)
