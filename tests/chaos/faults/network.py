"""Break connections between hosts: rules of nftables in the hosts' own namespaces, a table for each fault."""

from __future__ import annotations

import socket
import sys
import time
from itertools import count
from pathlib import Path

from tests.chaos.faults.processes import Heal
from tests.chaos.pipeline import NothingThere, Pipeline
from tests.chaos.schedule import Fault
from tests.hosts import Host

ROOT = Path(__file__).parents[3]
_numbers = count()


def drop(pipeline: Pipeline, fault: Fault) -> Heal:
    """Lose every packet of the connections from a host to a server."""
    client, server, port = _read_link(pipeline, fault.target)
    return _filter(
        client,
        [f"ip saddr {server.address} tcp sport {port} drop"],
        [f"ip daddr {server.address} tcp dport {port} drop"],
    )


def reject(pipeline: Pipeline, fault: Fault) -> Heal:
    """Answer them with resets, as a host does whose server has gone."""
    client, server, port = _read_link(pipeline, fault.target)
    return _filter(
        client,
        [],
        [f"ip daddr {server.address} tcp dport {port} tcp flags & rst != rst reject with tcp reset"],
    )


def leave_half_open(pipeline: Pipeline, fault: Fault) -> Heal:
    """Lose the packets of the connections that are open now; new ones work. Both sides believe in the old ones."""
    client, server, port = _read_link(pipeline, fault.target)
    known = client.run(["ss", "-Htn", "state", "established", "dst", f"{server.address}:{port}"]).stdout
    own = sorted({line.split()[2].rpartition(":")[2] for line in known.splitlines()})
    if not own:
        raise NothingThere(f"no connection {fault.target}")
    ports = "{ " + ", ".join(own) + " }"
    return _filter(
        client,
        [f"ip saddr {server.address} tcp sport {port} tcp dport {ports} drop"],
        [f"ip daddr {server.address} tcp dport {port} tcp sport {ports} drop"],
    )


def lose(pipeline: Pipeline, fault: Fault) -> Heal:
    """Lose some of all packets of a host, on the way in and again on the way out."""
    chance = f"numgen random mod 100 < {fault.amount} drop"
    return _filter(
        pipeline.get_host(fault.target), [f'iifname "eth0" {chance}'], [f'oifname "eth0" {chance}']
    )


def part(pipeline: Pipeline, fault: Fault) -> Heal:
    """Lose all packets between two hosts."""
    one, other = (pipeline.get_host(name) for name in fault.target.split("|"))
    return _filter(other, [f"ip saddr {one.address} drop"], [f"ip daddr {one.address} drop"])


def delay(pipeline: Pipeline, fault: Fault) -> Heal:
    """Break a link's connections, and lead new ones through a proxy that keeps everything back for a while.

    Afterwards the slow connections break, too, as they do where a route changes.
    """
    client, server, port = _read_link(pipeline, fault.target)
    listens = 30_000 + next(_numbers)
    options = map(str, (listens, port, fault.amount))
    proxy = server.start(
        [sys.executable, "-m", "tests.chaos.faults.delaying_proxy", server.address, *options], cwd=ROOT
    )
    _await_listener(server.address, listens)
    table = f"ip chaos{next(_numbers)}"
    rule = f"ip saddr {client.address} tcp dport {port} redirect to :{listens}"
    _add_table(server, table, [("prerouting", "nat hook prerouting priority dstnat", [rule])])
    server.run(["ss", "-K", "-tn", "dst", client.address, "sport", "=", f":{port}"])

    def heal() -> None:
        server.run(["nft", f"delete table {table}"])
        proxy.kill()
        proxy.wait()

    return heal


def _read_link(pipeline: Pipeline, link: str) -> tuple[Host, Host, int]:
    client, server = link.split(">")
    return pipeline.get_host(client), pipeline.get_host("servers"), pipeline.ports[server]


def _filter(host: Host, incoming: list[str], outgoing: list[str]) -> Heal:
    table = f"inet chaos{next(_numbers)}"
    chains = (("input", incoming), ("output", outgoing))
    _add_table(
        host, table, [(hook, f"filter hook {hook} priority -5", rules) for hook, rules in chains if rules]
    )

    def heal() -> None:
        host.run(["nft", f"delete table {table}"])

    return heal


def _add_table(host: Host, table: str, chains: list[tuple[str, str, list[str]]]) -> None:
    """Add a table of chains; each with its name, its place and its rules."""
    lines = [f"table {table} {{"]
    for name, place, rules in chains:
        lines += [f"chain {name} {{", f"type {place};", *rules, "}"]
    host.run(["nft", "\n".join([*lines, "}"])])


def _await_listener(address: str, port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection((address, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
