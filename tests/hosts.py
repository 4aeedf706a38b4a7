"""Hosts for a test: network namespaces on one bridge, whose wires can be cut, refused or lossy.

```python
with make_hosts("servers", "trainer") as hosts:
    hosts["servers"].start(["rabbitmq-server"], log=path)
    hosts["trainer"].drop(hosts["servers"], port=5671)
```

Each host has an address of its own, a host name, and an /etc/hosts that knows the others; the test itself has the
network's .254 and the name `test`. Packets go nowhere else. It needs root, iproute2 and nftables.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

PREFIX = "viral-test"
ETC = Path("/etc/netns")
MEMORY = Path("/sys/fs/cgroup/memory")
LOCK = Path("/run/lock/viral-test-hosts")
# An own UTS namespace, for the host's name; then become the command, so that its pid is the one that was started.
ENTER = 'hostname "$0" && exec "$@"'
TABLE = "inet faults"
FIRST_RULES = """
table inet faults
flush table inet faults
table inet faults {
  chain incoming {
    type filter hook input priority 0
    iif "lo" accept
  }
  chain outgoing {
    type filter hook output priority 0
    oif "lo" accept
  }
}
"""
_numbers = count()


@dataclass(frozen=True)
class Host:
    """One network namespace."""

    name: str
    address: str
    namespace: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        user: str | None = None,
        cwd: Path | None = None,
        memory_mb: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process here, leader of a group of its own; `os.killpg(process.pid, …)` reaches its children.

        `env` replaces the environment, but for PATH. What it writes goes to `log`, or nowhere.
        """
        output = log.open("ab") if log else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                self._enter(command, user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_with_path(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=self._limit_memory(memory_mb) if memory_mb else None,
            )
        finally:
            if log:
                output.close()  # type: ignore[union-attr]
        self.started.append(process)
        return process

    def run(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
        timeout_s: float = 120,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here and return what it wrote; a failure is an AssertionError with all of it."""
        done = subprocess.run(
            self._enter(command, user),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=_with_path(env),
            cwd=cwd,
            timeout=timeout_s,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command} on {self.name}: {done.stdout}{done.stderr}"
        return done

    def drop(self, other: Host | None = None, port: int | None = None) -> None:
        """Drop packets to and from `other` (default: everybody) silently, only of TCP's `port` if it is given."""
        self._add_rules(other, port, "drop")

    def reject(self, other: Host | None = None, port: int | None = None) -> None:
        """Answer TCP's packets with a reset instead."""
        self._add_rules(other, port, "reject with tcp reset")

    def lose(self, percent: int) -> None:
        """Lose so many of all packets (at most 99), on the way in and again on the way out."""
        self._add_rules(None, None, "drop", f"numgen random mod 100 < {percent}")

    def heal(self) -> None:
        """Let all packets through again."""
        _nft(self.namespace, FIRST_RULES)

    def find_pids(self) -> list[int]:
        """Find every process here, also those that left their group."""
        return _find_pids(self.namespace)

    def kill_all(self) -> None:
        """Kill every process here at once, as `kill -9` does."""
        for process in self.started:
            if process.poll() is None:  # one that was started just now may not have arrived here yet
                os.killpg(process.pid, signal.SIGKILL)
        _kill_all(self.namespace)
        for process in self.started:
            process.wait()
        self.started.clear()

    def power_off(self) -> None:
        """Kill every process so that no other host hears a word of it; `heal` before the host is started again."""
        self.drop()
        self.kill_all()

    def _enter(self, command: Sequence[str | Path], user: str | None) -> list[str]:
        whom = ["setpriv", f"--reuid={user}", "--init-groups"] if user else []
        if user:
            whom.append(f"--regid={pwd.getpwnam(user).pw_gid}")
        return [
            *("ip", "netns", "exec", self.namespace),
            *("unshare", "--uts", "sh", "-c", ENTER, self.name),
            *whom,
            *map(str, command),
        ]

    def _limit_memory(self, memory_mb: int) -> Callable[[], object]:
        group = MEMORY / f"{self.namespace}.{next(_numbers)}"
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(memory_mb << 20))
        return lambda: (group / "cgroup.procs").write_text(str(os.getpid()))

    def _add_rules(self, other: Host | None, port: int | None, verdict: str, chance: str = "") -> None:
        rules = []
        for chain, end in (("incoming", "saddr"), ("outgoing", "daddr")):
            whom = f"ip {end} {other.address}" if other else ""
            # Not the resets themselves, which are to arrive.
            tcp = "tcp flags & rst != rst" if "reject" in verdict else ""
            for which in ("sport", "dport") if port else ("",):
                through = f"tcp {which} {port}" if which else ""
                rules.append(f"add rule {TABLE} {chain} {whom} {tcp} {through} {chance} {verdict}")
        _nft(self.namespace, "; ".join(rules))


@dataclass(frozen=True)
class Hosts:
    """The hosts by name, and the test's own address among them."""

    by_name: Mapping[str, Host]
    test_address: str

    def __getitem__(self, name: str) -> Host:
        return self.by_name[name]

    def __iter__(self) -> Iterator[Host]:
        return iter(self.by_name.values())


@contextmanager
def make_hosts(*names: str) -> Iterator[Hosts]:
    """Make hosts of these names; all of it ends with the block. Skips the test where this machine cannot."""
    if reason := find_obstacle():
        pytest.skip(reason)
    bridge = f"v{os.getpid()}-{next(_numbers)}"
    made: dict[str, Host] = {}
    try:
        with LOCK.open("w") as lock:
            # Until the bridge has its address, another run could draw the same network.
            fcntl.flock(lock, fcntl.LOCK_EX)
            remove_leftovers()
            network = _draw_network()
            _run("ip", "link", "add", bridge, "type", "bridge")
            _run("ip", "addr", "add", f"{network}.254/24", "dev", bridge)
            _run("ip", "link", "set", bridge, "up")
            for number, name in enumerate(names, start=1):
                made[name] = _make_host(name, f"{network}.{number}", bridge, number)
        known = [
            "127.0.0.1 localhost",
            f"{network}.254 test",
            *(f"{h.address} {h.name}" for h in made.values()),
        ]
        for host in made.values():
            (ETC / host.namespace / "hosts").write_text("\n".join(known) + "\n")
        yield Hosts(made, f"{network}.254")
    finally:
        for host in made.values():
            host.kill_all()
            _remove_namespace(host.namespace)
        # A wire outlives its namespace while a connection there still waits for an answer.
        for device in [*Path("/sys/class/net").glob(f"{bridge}-*"), Path(bridge)]:
            _delete_device(device.name)


def find_obstacle() -> str | None:
    """Find why this machine can make no hosts; None if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "nft", "unshare", "setpriv") if shutil.which(name) is None]
    return f"missing: {', '.join(missing)} (`apt-get install iproute2 nftables`)" if missing else None


def remove_leftovers() -> None:
    """Remove what a test run that was killed left behind."""
    for namespace in _list_namespaces():
        if namespace.startswith(f"{PREFIX}-") and not Path("/proc", namespace.split("-")[2]).exists():
            _remove_namespace(namespace)
    for device in Path("/sys/class/net").glob("v[0-9]*-[0-9]*"):
        if not Path("/proc", device.name[1:].split("-")[0]).exists():
            _delete_device(device.name)


def _make_host(name: str, address: str, bridge: str, number: int) -> Host:
    namespace = f"{PREFIX}-{bridge[1:]}-{name}"
    inside = ("ip", "-netns", namespace)
    _run("ip", "netns", "add", namespace)
    try:
        _run(
            "ip",
            "link",
            "add",
            f"{bridge}-{number}",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            namespace,
        )
        _run("ip", "link", "set", f"{bridge}-{number}", "master", bridge, "up")
        _run(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
        _run(*inside, "link", "set", "lo", "up")
        _run(*inside, "link", "set", "eth0", "up")
        _nft(namespace, FIRST_RULES)
        (ETC / namespace).mkdir(parents=True)
    except BaseException:
        _remove_namespace(namespace)
        raise
    return Host(name, address, namespace)


def _draw_network() -> str:
    """Draw a /24 of those kept for tests of networks (RFC 2544) that nobody here uses."""
    taken = _run("ip", "-4", "-oneline", "address") + _run("ip", "-4", "route")
    while True:
        network = f"198.{random.choice((18, 19))}.{random.randrange(256)}"
        if f"{network}." not in taken:
            return network


def _list_namespaces() -> list[str]:
    return [line.split()[0] for line in _run("ip", "netns", "list").splitlines() if line.strip()]


def _find_pids(namespace: str) -> list[int]:
    return [int(pid) for pid in _run("ip", "netns", "pids", namespace).split()]


def _kill_all(namespace: str) -> None:
    """Kill until nobody is left: who is forked meanwhile is found the next time."""
    deadline = time.monotonic() + 30
    while pids := [pid for pid in _find_pids(namespace) if not _is_zombie(pid)]:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert time.monotonic() < deadline, f"{namespace}: {pids} cannot be killed"
        time.sleep(0.02)


def _is_zombie(pid: int) -> bool:
    """Check whether it has ended and only its parent has not asked yet."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def _remove_namespace(namespace: str) -> None:
    _kill_all(namespace)
    _run("ip", "netns", "delete", namespace)
    shutil.rmtree(ETC / namespace, ignore_errors=True)
    for group in MEMORY.glob(f"{namespace}.*"):
        deadline = time.monotonic() + 10
        while group.exists():
            try:
                group.rmdir()
            except OSError:  # the last process of it is not quite gone
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _delete_device(name: str) -> None:
    """Delete it, if it did not go by itself with its other end."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def _nft(namespace: str, rules: str) -> None:
    _run("ip", "netns", "exec", namespace, "nft", rules)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _with_path(env: Mapping[str, str] | None) -> dict[str, str]:
    return dict(os.environ) if env is None else {"PATH": os.environ["PATH"], **env}
