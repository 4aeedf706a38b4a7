"""A server that says nothing any more: noticed soon, told by /health/ready, and worked on with afterwards."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from viral_common.database.engine import Sessions
from viral_common.delivery.stop_signal import LONGEST_TURN_S
from viral_common.events import CloudEvent
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.forwarder import forward
from tests.hosts import Host, make_hosts
from tests.integration.delivery.example_events import make_batch_collected
from tests.integration.delivery.running_trainer import (
    publish_event,
    read_inbox_row,
    read_published,
    read_state,
)

ROOT = Path(__file__).parents[3]
LEASE_S = 30
NOTICED_S = 30


@dataclass(frozen=True)
class SlowTrainer:
    """A trainer on a host of its own, in the middle of an event."""

    host: Host
    folder: Path
    address: str
    ports: dict[str, int]
    """Of the servers, by scheme."""
    event: CloudEvent

    def find_missing(self) -> list[str]:
        """What keeps it from being ready; an answer takes three seconds at most."""
        missing: list[str] = httpx.get(f"{self.address}/health/ready", timeout=3).json()["missing"]
        return missing

    def read_ages_s(self) -> dict[str, float]:
        """How long each loop has stood still."""
        lines = httpx.get(f"{self.address}/metrics", timeout=3).text.splitlines()
        found = [re.match(r'viral_loop_age_seconds\{loop="(.+)"\} (.+)', line) for line in lines]
        return {one[1]: float(one[2]) for one in found if one}

    def end_handler(self) -> None:
        (self.folder / "go").touch()

    def make_half_open(self, scheme: str) -> None:
        """Lose all packets of the connections that are open, and of no later one."""
        for port in self._find_local_ports(self.ports[scheme]):
            self.host.drop(port=port)

    def _find_local_ports(self, remote: int) -> list[int]:
        table = self.host.run(["cat", "/proc/net/tcp"]).stdout.splitlines()[1:]
        open_ones = [line.split() for line in table if line.split()[3] == "01"]
        return [
            int(local.split(":")[1], 16)
            for _, local, there, *_ in open_ones
            if int(there.split(":")[1], 16) == remote
        ]


@contextmanager
def running_trainer(settings: CommonSettings, db: Sessions, folder: Path) -> Iterator[SlowTrainer]:
    with ExitStack() as stack:
        hosts = stack.enter_context(make_hosts("trainer"))
        environment = {
            **os.environ,
            "VIRAL_ALLOW_PLAIN": "true",
            "VIRAL_LEASE_S": str(LEASE_S),
            "PYTHONPATH": str(ROOT),
        }
        ports = {}
        for name, url in (("DATABASE", settings.database_url), ("RABBITMQ", settings.rabbitmq_url)):
            parts = urlsplit(url.get_secret_value())
            port = stack.enter_context(forward(hosts.test_address, parts.port or 0))
            account = parts.netloc.rpartition("@")[0]
            there = parts._replace(netloc=f"{account}@{hosts.test_address}:{port}")
            environment[f"VIRAL_{name}_URL"] = there.geturl()
            ports[parts.scheme] = port
        host = hosts["trainer"]
        environment |= {"VIRAL_HEALTH_HOST": host.address, "VIRAL_HEALTH_PORT": "8102"}
        command = [sys.executable, "-m", "tests.integration.delivery.slow_trainer", str(folder)]
        host.start(command, env=environment, cwd=folder, log=folder / "log")
        event = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        trainer = SlowTrainer(host, folder, f"http://{host.address}:8102", ports, event)
        eventually((folder / "started").exists, within_s=30)
        eventually(lambda: trainer.find_missing() == [], within_s=30)
        yield trainer


def test_ready_answers_while_postgres_is_silent(
    settings: CommonSettings, db: Sessions, tmp_path: Path
) -> None:
    with running_trainer(settings, db, tmp_path) as trainer:
        trainer.host.drop(port=trainer.ports["postgresql"])

        assert "Postgres does not answer" in trainer.find_missing()

        trainer.host.heal()
        eventually(lambda: trainer.find_missing() == [], within_s=20)


@pytest.mark.long
def test_half_open_connections_to_postgres_are_noticed_and_made_anew(
    settings: CommonSettings, db: Sessions, tmp_path: Path
) -> None:
    with running_trainer(settings, db, tmp_path) as trainer:
        broken_at = time.monotonic()
        trainer.make_half_open("postgresql")
        eventually(lambda: trainer.find_missing() != [], within_s=NOTICED_S)
        noticed_s = time.monotonic() - broken_at
        oldest: dict[str, float] = {}
        while time.monotonic() - broken_at < LEASE_S + 5:  # a lease that is not renewed would be over
            for loop, age_s in trainer.read_ages_s().items():
                oldest[loop] = max(age_s, oldest.get(loop, 0))
            time.sleep(0.2)
        assert trainer.find_missing() == []

        trainer.end_handler()
        eventually(lambda: read_state(db, trainer.event.id) == "done" and read_published(db), within_s=10)
        second = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        eventually(lambda: read_state(db, second.id) == "done" and len(read_published(db)) == 2, within_s=10)

    sys.stdout.write(f"noticed after {noticed_s:.1f} s; loops stood still for {oldest}\n")
    assert 10 < oldest["relay"] < LONGEST_TURN_S
    assert oldest["worker"] < LONGEST_TURN_S
    row = read_inbox_row(db, trainer.event.id)
    assert row
    assert (row.claims, row.failures) == (1, 0)
    assert (tmp_path / "started").read_text().split() == [str(trainer.event.id), str(second.id)]


@pytest.mark.long
def test_a_silent_broker_is_noticed_and_what_waits_goes_out_afterwards(
    settings: CommonSettings, db: Sessions, tmp_path: Path
) -> None:
    with running_trainer(settings, db, tmp_path) as trainer:
        broken_at = time.monotonic()
        trainer.host.drop(port=trainer.ports["amqp"])
        trainer.end_handler()
        eventually(
            lambda: any("nothing is published" in one for one in trainer.find_missing()), within_s=NOTICED_S
        )
        noticed_s = time.monotonic() - broken_at
        assert read_published(db) == []

        trainer.host.heal()
        healed_at = time.monotonic()
        eventually(lambda: read_published(db) and trainer.find_missing() == [], within_s=30)

    after_s = time.monotonic() - healed_at
    sys.stdout.write(f"noticed after {noticed_s:.1f} s, published {after_s:.1f} s after the end\n")
