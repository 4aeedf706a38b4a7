"""Choose the ports the stack listens on: the usual ones, or the next free."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping

import psutil

from viral_local.errors import StackError

LOOPBACK = "127.0.0.1"
PREFERRED = {
    "gateway": 8000,
    "mlflow": 5000,
    "rabbitmq": 5672,
    "console": 15672,
    "postgres": 5432,
    "prometheus": 15692,
    "distribution": 25672,
    # Not 4369: the machine's own epmd may be there or come later.
    "epmd": 14369,
    "scraper": 8101,
    "trainer": 8102,
    "evaluator": 8103,
}
# What a program listens on besides the port of its own name.
_ALSO = {"rabbitmq": ("console", "prometheus", "distribution")}


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Check whether a server could listen here now. A port in TIME_WAIT counts as free, as servers see it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True


def choose_ports(
    kept: Mapping[str, int], preferred: Mapping[str, int], free: Callable[[int], bool] = is_free
) -> dict[str, int]:
    """Choose for each name the port it had, if that is still free, else its preferred one or the next free after it."""
    chosen: dict[str, int] = {}
    for name, wanted in preferred.items():
        candidates = (
            (kept[name], *range(wanted, wanted + 200)) if name in kept else range(wanted, wanted + 200)
        )
        chosen[name] = _find_first(name, candidates, lambda port: port not in chosen.values() and free(port))
    return chosen


def pick_free_ports(names: Iterable[str]) -> dict[str, int]:
    """Let the kernel pick ports; all sockets are open at once, so that no port comes twice."""
    probes = {name: socket.create_server((LOOPBACK, 0)) for name in names}
    ports = {name: probe.getsockname()[1] for name, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return ports


def find_taken_port(program: str, pid: int, ports: Mapping[str, int]) -> int | None:
    """Find a port of the program on which somebody else answers. `pid` is the program's, 0 between two tries."""
    for port in (ports[name] for name in (program, *_ALSO.get(program, ()))):
        # The second look is for a program that began to listen between the first and the answer.
        if not _is_listening(pid, port) and is_answering(port) and not _is_listening(pid, port):
            return port
    return None


def is_answering(port: int) -> bool:
    """Check whether somebody listens. Unlike `is_free` this is never in the way of a program that is about to."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_listening(pid: int, port: int) -> bool:
    """Check whether it listens; true also if nobody can say.

    In a container root may not look into what runs under another account.
    """
    try:
        sockets = psutil.Process(pid).net_connections("tcp") if pid else []
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)


def _find_first(name: str, candidates: Iterable[int], fits: Callable[[int], bool]) -> int:
    tried = 0
    for tried in candidates:
        if fits(tried):
            return tried
    raise StackError(f"no free port for {name} up to {tried}; end what listens there")
