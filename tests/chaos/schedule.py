"""Draw each round's faults from a seed: the same seed and number give the same round, whatever came before."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations

GATEWAYS = ("gateway-1", "gateway-2")
SERVICES = ("scraper", "trainer", "evaluator", *GATEWAYS)
SERVERS = ("postgres", "rabbitmq", "mlflow")
# A training, a gateway's worker, a connection's backend, a worker of MLflow: whichever there is at that moment.
CHILDREN = ("trainer/child", "postgres/child", "mlflow/child", *(f"{name}/child" for name in GATEWAYS))
PROCESSES = (*SERVICES, *SERVERS, *CHILDREN)
# Who lives where.
HOSTS = {
    "servers": SERVERS,
    "trainer": ("trainer",),
    "third": ("scraper", "evaluator", *GATEWAYS),
}
CLIENTS = ("trainer", "third")
# The connections of a host to a server.
LINKS = tuple(f"{host}>{server}" for host in CLIENTS for server in SERVERS)

FIRST_DAY = date(2025, 1, 8)
WARM_UP_ROUNDS = 5
ROUND_S = (18.0, 24.0)
EARLY_S = 4.0
FAULTS_PER_ROUND = (20, 30)
BATCHES_PER_ROUND = (1, 1, 1, 2)


@dataclass(frozen=True)
class Kind:
    """Say what a kind of fault may hit, for how long, how hard, and how often it is drawn."""

    weight: float
    targets: tuple[str, ...]
    seconds: tuple[float, float] = (0, 0)
    amounts: tuple[int, ...] = (0,)
    """Of a meaning of its own, as `faults` says."""
    early: bool = False
    """Whether it begins with the round, so that it ends with it."""


KINDS: dict[str, Kind] = {
    "kill": Kind(3, PROCESSES),
    "kill two": Kind(1, tuple("+".join(pair) for pair in combinations((*SERVICES, *SERVERS), 2))),
    "restart": Kind(1, (*SERVICES, *SERVERS)),
    "stop": Kind(3, PROCESSES, (0.5, 9)),
    "drop": Kind(2, LINKS, (1, 8)),
    "reject": Kind(2, LINKS, (1, 8)),
    # Longer than anybody may take to notice: only what was given up by then goes on.
    "half-open": Kind(2, LINKS, (40, 40), early=True),
    "loss": Kind(2, tuple(HOSTS), (2, 8), (10, 30, 60)),  # percent of the packets
    "delay": Kind(2, LINKS, (3, 10), (50, 200, 600)),  # milliseconds
    "partition": Kind(2, tuple(f"servers|{host}" for host in CLIENTS), (1, 10)),
    "disk full": Kind(2, (*SERVICES, *SERVERS), (2, 8)),
    "slow disk": Kind(2, (*SERVICES, *SERVERS), (2, 6), (200, 600)),  # milliseconds that it hangs at a time
    "memory": Kind(2, (*SERVICES, "postgres", "mlflow"), (2, 6), (8, 64)),  # MiB that may still be taken
    "clock": Kind(2, (*SERVICES, "mlflow"), (2, 10), (-7200, -60, 60, 7200)),  # seconds
    "broker memory": Kind(1, ("rabbitmq",), (2, 6)),
    "descriptors": Kind(2, (*SERVICES, "mlflow"), (2, 6), (0, 2)),  # that may still be opened
}


@dataclass(frozen=True)
class Fault:
    """Hold one fault: what happens to whom, when in its round, for how long, how hard."""

    kind: str
    target: str
    at_s: float
    for_s: float
    amount: int = 0

    def __str__(self) -> str:
        amount = f", {self.amount}" if self.amount else ""
        lasts = f" for {self.for_s:g} s" if self.for_s else ""
        return f"{self.at_s:5.1f} s  {self.kind} {self.target}{amount}{lasts}"

    @property
    def hits(self) -> frozenset[str]:
        """The processes whose own failures it explains; a broken connection to a server explains none."""
        named = self.target.split("+") if self.kind != "loss" else HOSTS[self.target]
        return frozenset(part.partition("/")[0] for part in named) & {*SERVICES, *SERVERS}


@dataclass(frozen=True)
class Round:
    """Hold what happens in one round: so many new batches of tweets, and faults meanwhile."""

    number: int
    first_day: date
    batches: int
    faults: tuple[Fault, ...]
    length_s: float


def draw_round(seed: int, number: int, kinds: Collection[str] = tuple(KINDS)) -> Round:
    """Draw the round of this number (from 1); its days follow those of the rounds before it."""
    before = sum(_draw_batches(_begin_draw(seed, earlier)) for earlier in range(1, number))
    draw = _begin_draw(seed, number)
    batches = _draw_batches(draw)
    length_s = round(draw.uniform(*ROUND_S), 1)
    faults = [_draw_fault(draw, length_s, kinds) for _ in range(draw.randint(*FAULTS_PER_ROUND))]
    first_day = FIRST_DAY + timedelta(days=before)
    return Round(number, first_day, batches, tuple(sorted(faults, key=lambda one: one.at_s)), length_s)


def list_warm_up() -> Iterator[Round]:
    """List rounds without faults, on the days before the first: one after the other until there is a champion."""
    for number in range(-WARM_UP_ROUNDS, 0):
        yield Round(number, FIRST_DAY + timedelta(days=number), 1, (), 0)


def _begin_draw(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}:{number}")


def _draw_batches(draw: random.Random) -> int:
    return draw.choice(BATCHES_PER_ROUND)


def _draw_fault(draw: random.Random, length_s: float, kinds: Collection[str]) -> Fault:
    names = [name for name in KINDS if name in kinds]
    name = draw.choices(names, [KINDS[one].weight for one in names])[0]
    kind = KINDS[name]
    return Fault(
        kind=name,
        target=draw.choice(kind.targets),
        at_s=round(draw.uniform(0, EARLY_S if kind.early else length_s), 1),
        for_s=round(draw.uniform(*kind.seconds), 1),
        amount=draw.choice(kind.amounts),
    )
