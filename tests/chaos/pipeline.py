"""Run the whole pipeline the way machines do, each process started again when it ends, and find its parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

import psutil

from tests.chaos.schedule import GATEWAYS, HOSTS, SERVERS, SERVICES
from tests.servers import Servers

if TYPE_CHECKING:
    from tests.chaos.faults.clocks import Clock
    from tests.chaos.faults.disks import Disk
    from tests.hosts import Host

# As `Restart=always` and `RestartSec=1` of a unit.
RESTART_S = 1.0
LOOK_S = 0.1
# How long a fault waits for a child that comes and goes, a training say.
CHILD_S = 6.0
BIN = Path(sys.executable).parent
T = TypeVar("T")

# Small batches, one short training each, and every wait of the services as short as it may be.
SETTINGS = {
    "VIRAL_SOURCE": "simulated",
    "VIRAL_BATCH_SIZE": "600",
    "VIRAL_POLL_S": "1",
    "VIRAL_LEASE_S": "5",
    "VIRAL_RETRY_BASE_S": "0.5",
    # Faults come one upon the other; what is healed within a minute is to be no dead letter.
    "VIRAL_RETRY_LIMIT": "7",
    "VIRAL_WINDOW_BATCHES": "2",
    "VIRAL_TRAIN_EPOCHS": "1",
    "VIRAL_TRAIN_THREADS": "1",
    "VIRAL_MIN_TEST_TWEETS": "20",
    # So that many a challenger is promoted.
    "VIRAL_CONFIDENCE": "0.51",
    "VIRAL_ALIAS_S": "3",
    "VIRAL_RECONCILE_S": "5",
    "VIRAL_SWAP_SPREAD_S": "0.5",
    "VIRAL_LOG_FORMAT": "console",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_OFFLINE": "1",
}


class NothingThere(Exception):
    """Report that what was to be hit is not there at this moment: the fault misses."""


class Place(Protocol):
    """Be where processes run: a host of its own, or this machine."""

    @property
    def address(self) -> str:
        """Where others reach it."""

    def start(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        *,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process, leader of a group of its own; `env` replaces the environment but for PATH."""


class ThisMachine:
    """Run processes on loopback."""

    address = "127.0.0.1"

    def start(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        *,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process, leader of a group of its own."""
        with (log or Path(os.devnull)).open("ab") as output:
            return subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], **(env or {})},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


@dataclass
class Program:
    """One service's process, and all that its next start needs."""

    name: str
    place: Place
    command: list[str | Path]
    environment: dict[str, str]
    log: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    ended_at: float | None = None
    restarts: int = 0

    def start(self) -> None:
        """Start it."""
        self.process = self.place.start(self.command, self.environment, self.log, cwd=self.folder)
        self.ended_at = None

    def keep_running(self) -> None:
        """Start it again a moment after it ended."""
        if self.process is None or self.process.poll() is None:
            return
        if self.ended_at is None:
            self.ended_at = time.monotonic()
        elif time.monotonic() - self.ended_at >= RESTART_S:
            self.restarts += 1
            self.start()


@dataclass
class Pipeline:
    """The three servers, which others keep running, and the processes of the services."""

    servers: Servers
    addresses: Mapping[str, str]
    """The settings that tell services where the servers are."""
    places: Mapping[str, Place]
    """By host."""
    folder: Path
    health_ports: Mapping[str, int]
    hosts: Mapping[str, Host] = field(default_factory=dict)
    disks: Mapping[str, Disk] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    services: tuple[str, ...] = SERVICES
    """Those that run."""
    programs: dict[str, Program] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def ports(self) -> dict[str, int]:
        """Of the servers."""
        names = ("VIRAL_DATABASE_URL", "VIRAL_RABBITMQ_URL", "VIRAL_MLFLOW_URL")
        return {
            server: urlsplit(self.addresses[name]).port or 0
            for server, name in zip(SERVERS, names, strict=True)
        }

    def get_host(self, name: str) -> Host:
        """Get a host whose wires can be cut. Raises NothingThere where all runs on one machine."""
        return _get(self.hosts, name)

    def get_disk(self, name: str) -> Disk:
        """Get a process's disk. Raises NothingThere if it has none of its own."""
        return _get(self.disks, name)

    def get_clock(self, name: str) -> Clock:
        """Get a process's clock. Raises NothingThere if it has none of its own."""
        return _get(self.clocks, name)

    def format_health_url(self, service: str) -> str:
        """Format where a service is asked for its health; of a gateway, for everything."""
        return f"http://{self._place(service).address}:{self.health_ports[service]}"

    def collect(self, first_day: date, days: int) -> None:
        """Have the scraper collect the batches of these days: it begins, or ends in order and begins anew."""
        scraper = self.programs["scraper"]
        scraper.environment |= {
            "VIRAL_SIMULATION_START": first_day.isoformat(),
            "VIRAL_SIMULATION_DAYS": str(days),
        }
        if scraper.process is None:
            scraper.start()
        else:
            scraper.process.send_signal(signal.SIGTERM)

    def find(self, target: str) -> psutil.Process:
        """Find the process of a target, or its child that takes most memory. Raises NothingThere."""
        name, _, child = target.partition("/")
        main = self._find_main(name)
        if not child:
            return main
        deadline = time.monotonic() + CHILD_S
        while True:
            children = _list_children(main)
            if children:
                return max(children, key=_read_memory)
            if time.monotonic() > deadline:
                raise NothingThere(f"{name} has no child")
            time.sleep(LOOK_S)

    def find_tree(self, target: str) -> list[psutil.Process]:
        """Find a process and all below it, parents first. Raises NothingThere."""
        top = self.find(target)
        try:
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess as error:
            raise NothingThere(f"{target} has just ended") from error

    def count_restarts(self) -> dict[str, int]:
        """Count how often each service was started again."""
        return {name: program.restarts for name, program in self.programs.items()}

    @contextmanager
    def run(self) -> Iterator[None]:
        """Start the services and keep them running inside the block; the scraper once it has days to collect."""
        self._make_programs()
        for name in self.services:
            if name != "scraper":
                self.programs[name].start()
        keeper = threading.Thread(target=self._keep_running, name="restarts", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._stopping.set()
            keeper.join()
            for program in self.programs.values():
                _end(program.process)

    def _keep_running(self) -> None:
        while not self._stopping.wait(LOOK_S):
            for program in self.programs.values():
                program.keep_running()

    def _make_programs(self) -> None:
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        for name in self.services:
            kind, place = name.partition("-")[0], self._place(name)
            own = {"VIRAL_DATA_DIR": str(self._make_data_dir(name))}
            if name in GATEWAYS:
                own |= {
                    "VIRAL_GATEWAY_HOST": place.address,
                    "VIRAL_GATEWAY_PORT": str(self.health_ports[name]),
                }
            else:
                own |= {
                    "VIRAL_HEALTH_HOST": place.address,
                    "VIRAL_HEALTH_PORT": str(self.health_ports[name]),
                }
            if clock := self.clocks.get(name):
                own |= clock.environment
            self.programs[name] = Program(
                name,
                place,
                [BIN / f"viral-{kind}", "run"],
                {"HOME": os.environ.get("HOME", "/"), **SETTINGS, **self.addresses, **own},
                logs / f"{name}.log",
                self.folder,
            )

    def _make_data_dir(self, name: str) -> Path:
        path = self.disks[name].mounted if name in self.disks else self.folder / "data" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _place(self, process: str) -> Place:
        return self.places[next(host for host, those in HOSTS.items() if process in those)]

    def _find_main(self, name: str) -> psutil.Process:
        if name in self.programs:
            process = self.programs[name].process
            if process is None or process.poll() is not None:
                raise NothingThere(f"{name} does not run")
            return psutil.Process(process.pid)
        try:
            supervisor = int((self.servers.stack_file.parent / "supervisor.pid").read_text())
            children = psutil.Process(supervisor).children()
            return next(child for child in children if _SIGNS[name](child))
        except (OSError, ValueError, psutil.Error, StopIteration) as error:
            raise NothingThere(f"{name} does not run") from error


# How each server's process is known among the supervisor's children.
_SIGNS: dict[str, Callable[[psutil.Process], bool]] = {
    "postgres": lambda process: process.name() == "postgres",
    "rabbitmq": lambda process: process.name() == "beam.smp",
    "mlflow": lambda process: "gunicorn" in process.cmdline(),
}


def _get(known: Mapping[str, T], name: str) -> T:
    if name not in known:
        raise NothingThere(f"nothing of {name} can be broken so here")
    return known[name]


def _list_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [child for child in process.children() if child.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess as error:
        raise NothingThere("it has just ended") from error


def _read_memory(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0


def _end(process: subprocess.Popen[bytes] | None) -> None:
    """End it and its children; frozen ones, too."""
    if process is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
