"""Keep up with promotions: an event wakes it, Postgres decides, a timer makes sure."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import structlog
from viral_common.errors import ServerAway, SignersUnreadable
from viral_common.events import ModelPromoted
from viral_common.stores.champion import Champion

from viral_gateway.serving.artefact_cache import CacheUnwritable
from viral_gateway.serving.swapper import Swapper
from viral_gateway.tuning import reduce_thread_priority

log = structlog.get_logger()

# A server that is away is asked again this often.
RETRY_S = 5.0
# How fast it stops.
TICK_S = 0.5


class Reconciler:
    """Swap on a thread of its own whenever Postgres names another champion; the consumer's thread only wakes it."""

    def __init__(
        self,
        swapper: Swapper,
        read_champion: Callable[[], Champion | None],
        every_s: float,
        spread_s: float = 0.0,
    ) -> None:
        self._swapper, self._read_champion = swapper, read_champion
        self._every_s, self._spread_s = every_s, spread_s
        self._woken = threading.Event()
        self._promoted = threading.Event()

    def on_promoted(self, _event: ModelPromoted) -> None:
        """Wake: an event says that something was promoted, and Postgres says what."""
        self._promoted.set()
        self._woken.set()

    def wake(self) -> None:
        """Read at once what is promoted: the queue is bound again, and events may have passed meanwhile."""
        self._woken.set()

    def run(self, stopping: threading.Event) -> None:
        """Reconcile now, whenever woken, every `every_s`, and sooner while a server is away."""
        reduce_thread_priority()
        while not stopping.is_set():
            self._woken.clear()
            wait_s = min(RETRY_S, self._every_s)
            try:
                self.reconcile()
                wait_s = self._every_s
            except (ServerAway, CacheUnwritable, SignersUnreadable) as error:
                log.warning("not caught up", reason=str(error), retry_in_s=wait_s)
            except Exception:  # this loop is the thread's edge: it must outlive everything
                log.exception("reconciling failed", retry_in_s=wait_s)
            self._wait(stopping, wait_s)

    def reconcile(self) -> None:
        """Offer the champion that Postgres names.

        Raises ServerAway if not all could be asked, CacheUnwritable, SignersUnreadable.
        """
        try:
            champion = self._read_champion()
        except ServerAway:
            self._swapper.set_obstacle("Postgres, which knows what is promoted, does not answer")
            raise
        if champion is not None:
            self._swapper.offer(champion)
        else:
            self._swapper.set_obstacle(None)

    def _wait(self, stopping: threading.Event, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not stopping.is_set() and (left := until - time.monotonic()) > 0:
            if self._woken.wait(min(TICK_S, left)):
                if self._promoted.is_set():
                    self._promoted.clear()
                    # All gateways are woken at once: together they would keep MLflow, and their host, from answering.
                    stopping.wait(random.uniform(0, self._spread_s))  # noqa: S311  (no secret)
                return
