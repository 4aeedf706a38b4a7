"""A Ray cluster for tests: its head on the test's own machine, and nodes that are hosts of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.eventually import eventually
from tests.hosts import Host
from tests.integration.trainer.test_registry import find_free_port

RAY = Path(sys.executable).parent / "ray"
# Programs of a node name the ports of others there; a folder of its own keeps nodes of one machine apart.
OWN_TMP = 'mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /dev/shm && exec "$@"'
STARTS_WITHIN_S = 180
WORKER = "RayTrainWorker"


@dataclass
class RayNodes:
    """A head, and the hosts whose nodes follow it."""

    address: str
    port: int
    folder: Path
    environment: dict[str, str]
    temporary: str  # short, for sockets lie in it
    head: subprocess.Popen[bytes] | None = None
    logs: dict[str, Path] = field(default_factory=dict)

    def start_head(self, cpus: int) -> None:
        """Start the head here."""
        log = self.folder / "head.log"
        ports = ("--port", str(self.port), "--min-worker-port=0", "--max-worker-port=0")
        temporary = ("--include-dashboard=false", f"--temp-dir={self.temporary}")
        command = self._command("--head", *ports, *temporary, address=self.address, cpus=cpus)
        with log.open("wb") as output:
            self.head = subprocess.Popen(
                command, env=self._env(), stdout=output, stderr=output, start_new_session=True
            )
        _wait_until_started(log)

    def start(self, host: Host, cpus: int = 1, **environment: str) -> None:
        """Start a node on a host and wait until it has joined."""
        log = self.folder / f"{host.name}-{len(self.logs)}.log"
        self.logs[log.name] = log
        joined = f"--address={self.address}:{self.port}"
        command = self._command(joined, address=host.address, cpus=cpus)
        host.start(["sh", "-c", OWN_TMP, "sh", *command], env=self._env() | environment, log=log)
        _wait_until_started(log)

    def find_workers(self, host: Host | None = None) -> list[int]:
        """Find the processes that train on a host; without one, at the head."""
        assert self.head
        pids = host.find_pids() if host else _find_descendants(self.head.pid)
        return [pid for pid in pids if WORKER in _read_command(pid)]

    def kill_head(self) -> None:
        """Kill the head with all its programs, as a power cut does."""
        assert self.head
        for pid in _find_descendants(self.head.pid):
            _kill(pid)
        self.head.wait()

    def _command(self, *more: str, address: str, cpus: int) -> list[str]:
        return [
            *(str(RAY), "start", "--block", "--disable-usage-stats", f"--node-ip-address={address}"),
            *(f"--num-cpus={cpus}", "--object-store-memory=200000000", *more),
        ]

    def _env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment}


@contextmanager
def ray_head(folder: Path, address: str, cpus: int = 0, **environment: str) -> Iterator[RayNodes]:
    """Start a head that ends with the block."""
    with TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as temporary:
        nodes = RayNodes(address, find_free_port(), folder, environment, temporary)
        try:
            nodes.start_head(cpus)
            yield nodes
        finally:
            nodes.kill_head()


def _wait_until_started(log: Path) -> None:
    try:
        eventually(lambda: "Ray runtime started" in log.read_text(), within_s=STARTS_WITHIN_S)
    except AssertionError:
        raise AssertionError(log.read_text()) from None


def _find_descendants(pid: int) -> list[int]:
    """Find a process and all that it started, the youngest last."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def _read_command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it ended meanwhile
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
