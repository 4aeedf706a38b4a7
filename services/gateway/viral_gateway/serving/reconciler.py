"""Keeping up with promotions: an event wakes it, Postgres tells it, a timer makes sure."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from viral_common.errors import ServerAway
from viral_common.events import ModelPromoted

from viral_gateway.serving.artefact_cache import CacheUnwritable
from viral_gateway.serving.champion import PromotedModel
from viral_gateway.serving.swapper import Swapper

log = structlog.get_logger()

# A server that is away is asked again this often.
RETRY_S = 5.0
# How far swaps step back behind replies, in steps of nice.
NICE = 10
# How fast a stop is noticed.
TICK_S = 0.5


class Reconciler:
    """All swaps happen on its one thread; the consumer's thread only leaves word."""

    def __init__(
        self,
        swapper: Swapper,
        champion: Callable[[], PromotedModel | None],
        every_s: float,
        spread_s: float = 0.0,
    ) -> None:
        self._swapper, self._champion = swapper, champion
        self._every_s, self._spread_s = every_s, spread_s
        self._woken = threading.Event()
        self._heard_lock = threading.Lock()
        self._heard: PromotedModel | None = None

    def notice(self, event: ModelPromoted) -> None:
        """A promotion came over the broker; of several the newest is kept."""
        model = PromotedModel.of_event(event, datetime.now(UTC))
        with self._heard_lock:
            if self._heard is None or model.promotion_seq > self._heard.promotion_seq:
                self._heard = model
        self._woken.set()

    def wake(self) -> None:
        """The queue is bound (again): read what was promoted in the meantime."""
        self._woken.set()

    def run(self, stopping: threading.Event) -> None:
        """Reconcile now, whenever woken, every `every_s`, and sooner while a server is away."""
        _step_back()
        while not stopping.is_set():
            self._woken.clear()
            try:
                self.reconcile()
                wait_s = self._every_s
            except (ServerAway, CacheUnwritable) as error:
                wait_s = min(RETRY_S, self._every_s)
                log.warning("not caught up", reason=str(error), retry_in_s=wait_s)
            except Exception:  # this loop is the thread's edge: it must outlive everything
                wait_s = min(RETRY_S, self._every_s)
                log.exception("reconciling failed", retry_in_s=wait_s)
            self._wait(stopping, wait_s)

    def reconcile(self) -> None:
        """Offer the newest promotion known. Raises ServerAway if not all could be asked, and CacheUnwritable.

        An event is believed once, so that a swap need not wait for Postgres; after that Postgres has the last word.
        """
        with self._heard_lock:
            heard = self._heard
        try:
            champion = self._champion()
        except ServerAway:
            if heard is None:
                self._swapper.wait_for("Postgres, which knows what is promoted, does not answer")
            else:
                self._swapper.offer(heard, from_ledger=False)
            raise
        if heard is not None and (champion is None or heard.promotion_seq > champion.promotion_seq):
            self._swapper.offer(heard, from_ledger=False)
        elif champion is not None:
            self._swapper.offer(champion, from_ledger=True)
        else:
            self._swapper.wait_for(None)
        with self._heard_lock:
            if self._heard is heard:
                self._heard = None

    def _wait(self, stopping: threading.Event, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not stopping.is_set() and (left := until - time.monotonic()) > 0:
            if self._woken.wait(min(TICK_S, left)):
                if self._heard is not None:
                    self._take_turns(stopping)
                return

    def _take_turns(self, stopping: threading.Event) -> None:
        """All gateways hear of a promotion at once. Together they would keep MLflow, and their host, from answering."""
        stopping.wait(random.uniform(0, self._spread_s))  # noqa: S311  (no secret)


def _step_back() -> None:
    """Let this thread have the processor after those that answer: a swap may take longer, a reply may not."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICE)
