"""Ask the gateways for predictions all the time, and keep what became of each request."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import GATEWAYS

EVERY_S = 0.1
TIMEOUT_S = 5.0
SLOW_S = 0.5
# After what hit a gateway its failures are forgiven for so long: it must start, and read its model.
GRACE_S = 12.0


@dataclass(frozen=True)
class Asked:
    """One request: when, of whom, how long it took, and why it failed, if it did."""

    at_s: float
    gateway: str
    took_s: float
    failure: str | None = None


@dataclass(frozen=True)
class Hit:
    """A time in which a gateway was broken by hand."""

    gateway: str
    from_s: float
    until_s: float


@dataclass
class RequestLoop:
    """Ask each gateway ten times a second, every second time for an author."""

    pipeline: Pipeline
    seed: int
    asked: list[Asked] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Ask inside the block."""
        loops = [
            threading.Thread(target=self._ask_on, args=(name,), name=f"ask {name}", daemon=True)
            for name in GATEWAYS
        ]
        for loop in loops:
            loop.start()
        try:
            yield
        finally:
            self._stopping.set()

    def take(self) -> list[Asked]:
        """Take what was asked since the last time."""
        taken, self.asked = self.asked, []
        return taken

    def _ask_on(self, gateway: str) -> None:
        draw = random.Random(f"{self.seed}:{gateway}")
        while not self._stopping.is_set():
            with httpx.Client(base_url=self.pipeline.format_health_url(gateway), timeout=TIMEOUT_S) as client:
                while not self._stopping.wait(EVERY_S):
                    asked = _ask(client, gateway, draw)
                    self.asked.append(asked)
                    if asked.failure:
                        break


def _ask(client: httpx.Client, gateway: str, draw: random.Random) -> Asked:
    number = draw.randrange(1000)
    tweet = {"text": f"Number {number}: what should we build next?"}
    if number % 2:
        tweet["username"] = f"sim_{number}"
    started = time.monotonic()
    try:
        reply = client.post("/v1/predictions", json={"tweets": [tweet]})
        failure = None if reply.is_success else str(reply.status_code)
    except httpx.TransportError as error:
        failure = type(error).__name__
    return Asked(started, gateway, time.monotonic() - started, failure)


def find_unexplained(asked: Iterable[Asked], hits: Sequence[Hit]) -> list[Asked]:
    """Find failures of a gateway that nothing had hit, at the time or shortly before."""
    return [one for one in asked if one.failure and not any(_explains(hit, one) for hit in hits)]


def _explains(hit: Hit, asked: Asked) -> bool:
    if hit.gateway != asked.gateway:
        return False
    return asked.at_s <= hit.until_s + GRACE_S and asked.at_s + asked.took_s >= hit.from_s


def compute_percentile(asked: Sequence[Asked], share: float) -> float:
    """Compute how long so large a share of the requests took at most, in seconds; 0 without any."""
    times = sorted(one.took_s for one in asked)
    return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0
