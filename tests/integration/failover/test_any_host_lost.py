"""The page about failover, command by command; then each host vanishes in turn while all of it is at work."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import httpx
import psycopg2
import pytest
from sqlalchemy import create_engine
from viral_common.encryption import fill_authority

from tests.chaos.facts import Audit, Facts, read_facts
from tests.chaos.invariants import count_published_again, find_broken, find_unfinished
from tests.chaos.pipeline import SETTINGS as SMALL
from tests.chaos.pipeline import Pipeline
from tests.chaos.undisturbed import Reference
from tests.eventually import eventually
from tests.integration.failover.conftest import known_by_name
from tests.integration.failover.machines import Machine, Machines, make_machines

pytestmark = pytest.mark.timeout(2400)
FIRST_DAY = date(2025, 1, 1)
# Waits are as every host has them by default; only the work is small.
LEFT_ALONE = {
    "VIRAL_LEASE_S",
    "VIRAL_RETRY_BASE_S",
    "VIRAL_RECONCILE_S",
    "VIRAL_ALIAS_S",
    "VIRAL_SWAP_SPREAD_S",
}
SETTINGS = {
    **{name: value for name, value in SMALL.items() if name not in LEFT_ALONE},
    "VIRAL_SIMULATION_START": FIRST_DAY.isoformat(),
    "VIRAL_SIMULATION_DAYS": "1000",
    "VIRAL_BATCH_PAUSE_S": "20",
}
HEALTH_PORTS = {"scraper": 8101, "trainer": 8102, "evaluator": 8103}
BACK_S = 60
# A client gives a gateway that is silent so long, then asks the other.
CLIENT_TIMEOUT_S = 2
PROGRESS = """
    SELECT (SELECT count(*) FROM batches WHERE collected_at IS NOT NULL), (SELECT count(*) FROM trainings),
        (SELECT count(*) FROM verdicts)
"""
TRAINS = """
    SELECT count(*) FROM inbox WHERE service = 'trainer' AND state = 'running' AND lease_owner NOT LIKE %s
"""
CLUSTER_IS_WHOLE = """
patronictl -c /etc/patroni/config.yml list | grep -q 'Sync Standby | running'
rabbitmqctl --timeout 60 await_online_nodes 3
"""


@dataclass
class Client:
    """Somebody who always asks, ten times a second, and knows both gateways."""

    gateways: list[str]
    trust: ssl.SSLContext
    answered: int = 0
    failed: int = 0
    slowest_s: float = 0

    def run(self, stopping: threading.Event) -> None:
        with httpx.Client(verify=self.trust, timeout=CLIENT_TIMEOUT_S) as http:
            while not stopping.wait(0.1):
                began = time.monotonic()
                if any(self._ask(http, gateway) for gateway in list(self.gateways)):
                    self.answered += 1
                else:
                    self.failed += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    def _ask(self, http: httpx.Client, gateway: str) -> bool:
        tweet = {"text": f"Number {self.answered}: what should we build next?", "username": "sim_1"}
        try:
            return http.post(f"{gateway}/v1/predictions", json={"tweets": [tweet]}).is_success
        except httpx.TransportError:
            self.gateways.append(self.gateways.pop(self.gateways.index(gateway)))
            return False


@dataclass
class Writer:
    """Somebody who commits a row twice a second, and remembers what Postgres confirmed."""

    connect: Callable[[], Any]
    confirmed: list[int] = field(default_factory=list)
    number: int = 0
    longest_s: float = 0

    def run(self, stopping: threading.Event) -> None:
        last = time.monotonic()
        while not stopping.wait(0.5):
            try:
                with self.connect() as connection, connection.cursor() as cursor:
                    while not stopping.wait(0.5):
                        self.number += 1
                        cursor.execute("INSERT INTO written VALUES (%s)", (self.number,))
                        connection.commit()
                        self.confirmed.append(self.number)
                        self.longest_s, last = max(self.longest_s, time.monotonic() - last), time.monotonic()
            except psycopg2.Error:
                continue


@dataclass(frozen=True)
class Level:
    """The three hosts of the page at work."""

    machines: Machines

    @property
    def project(self) -> Any:
        return self.machines.folder / "opt" / "viral-tweets"

    @property
    def authority(self) -> str:
        return str(self.project / "certs/trust/ca.crt")

    def read_password(self, account: str, server: str) -> str:
        return str((self.project / f"secrets/{account}/viral_{server}_password").read_text().strip())

    def format_dsn(self, database: str) -> str:
        """Format the address that libpq takes, with the hosts' addresses, for it asks the system for names."""
        addresses = ",".join(self.machines[name].host.address for name in ("one", "two"))
        return (
            f"postgresql://postgres:{quote(self.read_password('postgres', 'database'))}@one,two/{database}"
            f"?hostaddr={addresses}&target_session_attrs=read-write&connect_timeout=2&tcp_user_timeout=5000"
            f"&sslmode=verify-full&sslrootcert={self.authority}"
        )

    def connect(self, database: str = "postgres") -> Any:
        return psycopg2.connect(self.format_dsn(database))

    def read_progress(self) -> tuple[int, ...]:
        """Count batches, trainings and verdicts; waits while nobody answers."""
        return self._ask_database(PROGRESS)

    def is_training_elsewhere(self, lost: str) -> bool:
        return self._ask_database(TRAINS, f"trainer@{lost}:%") != (0,)

    def _ask_database(self, question: str, *values: str) -> tuple[int, ...]:
        while True:
            try:
                with self.connect("viral") as connection, connection.cursor() as cursor:
                    cursor.execute(question, values)
                    return cast("tuple[int, ...]", cursor.fetchone())
            except psycopg2.Error:
                time.sleep(0.2)

    def find_primary(self) -> str:
        said = json.loads(self.machines["one"].run("patronictl -c /etc/patroni/config.yml list -f json"))
        return next(str(member["Member"]) for member in said if member["Role"] == "Leader")

    def find_unready(self, lost: str = "") -> list[str]:
        """Find, in words, each service that is ready nowhere."""
        found = []
        for service, port in HEALTH_PORTS.items():
            said = [self._ask_health(self.machines[name], port) for name in ("one", "two") if name != lost]
            if not any(one.get("status") == "ready" for one in said):
                found.append(f"{service}: {said}")
        return found

    def _ask_health(self, machine: Machine, port: int) -> dict[str, Any]:
        said = machine.run(f"curl -s -m 5 http://127.0.0.1:{port}/health/ready", check=False)
        return cast("dict[str, Any]", json.loads(said)) if said else {}

    def read_facts(self, audit: Audit) -> Facts:
        """Read all that the fault suite looks at, too."""
        operator = f"operator:{self.read_password('operator', 'rabbitmq')}"
        mlflow = f"operator:{self.read_password('operator', 'mlflow')}"
        authority = Path(self.authority)
        asked = SimpleNamespace(
            services=HEALTH_PORTS,
            servers=SimpleNamespace(
                rabbitmq_url=fill_authority(f"amqps://{operator}@one,two,three/%2F", authority),
                mlflow_url=fill_authority(f"https://{mlflow}@one:5000", authority),
            ),
            format_health_url=lambda service: f"http://127.0.0.1:1/{service}",
        )
        engine = create_engine("postgresql+psycopg2://", creator=lambda: self.connect("viral"))
        return read_facts(cast(Pipeline, asked), engine, audit)


@contextmanager
def in_background(*runs: Callable[[threading.Event], None]) -> Iterator[None]:
    stopping = threading.Event()
    threads = [threading.Thread(target=run, args=(stopping,), daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(30)


@pytest.fixture(scope="module")
def level(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Level]:
    """The page's commands, and then a first model that answers."""
    folder = tmp_path_factory.mktemp("failover")
    with make_machines(folder) as machines, known_by_name(machines.hosts):
        began = time.monotonic()
        machines.follow(
            "Secrets and certificates", "etcd and RabbitMQ", "Postgres", "Accounts, tables and queues"
        )
        machines.follow("MLflow")
        settings = machines.folder / "opt/viral-tweets/infra/failover/services.env"
        settings.write_text(
            settings.read_text() + "".join(f"{name}={value}\n" for name, value in SETTINGS.items())
        )
        try:
            machines.follow("Services", "Check")
            print(f"\nfrom nothing to the first prediction: {time.monotonic() - began:.0f} s")  # noqa: T201
            level = Level(machines)
            with level.connect() as connection, connection.cursor() as cursor:
                cursor.execute("CREATE TABLE written (number integer PRIMARY KEY)")
            yield level
        except BaseException:
            for machine in machines:
                for log in sorted((machine.folder / "var/log/units").glob("*.log")):
                    print(f"--- {machine.name}: {log.stem}", log.read_text()[-20_000:], sep="\n")  # noqa: T201
            raise


def test_any_one_host_may_vanish(level: Level) -> None:
    trust = ssl.create_default_context(cafile=level.authority)
    primary = level.find_primary()
    standby = {"one": "two", "two": "one"}[primary]
    figures = []
    confirmed: list[int] = []
    number = 0
    # At the end, who writes: by then the other was away and is back.
    for what, name in (("a member alone", "three"), ("the standby", standby), ("the primary", primary)):
        eventually(lambda: not level.find_unready(), within_s=120, every_s=1)
        assert level.find_primary() == primary
        client = Client(["https://one:8000", "https://two:8000"], trust)
        writer = Writer(level.connect, number=number)
        with in_background(client.run, writer.run):
            time.sleep(5)
            before, began = level.read_progress(), time.monotonic()
            level.machines[name].lose()
            done_s = wait_for_work(level, name, before, began)
            eventually(lambda: not level.find_unready(name), within_s=60, every_s=1)  # noqa: B023
            away_s, began = time.monotonic() - began, time.monotonic()
            level.machines[name].boot()
            survivor = level.machines[standby if name == primary else primary]
            eventually(lambda: is_whole(survivor), within_s=180, every_s=1)  # noqa: B023
            whole_s = time.monotonic() - began
        confirmed += writer.confirmed
        number = writer.number
        figures.append(
            f"{what} ({name}) away for {away_s:.0f} s: writing stood still for {writer.longest_s:.1f} s; "
            f"after so many seconds: {done_s}; predictions: {client.failed} failed, "
            f"{client.answered} answered, slowest {client.slowest_s:.1f} s; whole {whole_s:.0f} s after its start"
        )
        print(figures[-1])  # noqa: T201
        assert client.failed == 0, figures
        assert writer.longest_s < BACK_S, figures
        assert done_s["batch"] < BACK_S, figures
        assert done_s["trainer at work"] < BACK_S, figures

    with level.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT number FROM written")
        stored = {row[0] for row in cursor.fetchall()}
    assert set(confirmed) <= stored, "Postgres lost what it had confirmed"
    assert find_wrong(level) == []


def wait_for_work(level: Level, lost: str, before: tuple[int, ...], began: float) -> dict[str, float]:
    """Wait until all go on, and return after how many seconds each did.

    Of batches, trainings and verdicts the second after the loss counts, for the first may have been on its way.
    """
    done_s: dict[str, float] = {}
    while len(done_s) < 4:
        passed_s = round(time.monotonic() - began, 1)
        assert passed_s < 240, f"without {lost} only {done_s} went on"
        for step, now, then in zip(
            ("batch", "training", "verdict"), level.read_progress(), before, strict=True
        ):
            if now >= then + 2:
                done_s.setdefault(step, passed_s)
        if level.is_training_elsewhere(lost):
            done_s.setdefault("trainer at work", passed_s)
        time.sleep(0.5)
    return done_s


def is_whole(machine: Machine) -> bool:
    return not machine.run(f"{{ {CLUSTER_IS_WHOLE} }} >/dev/null 2>&1 || echo not yet", check=False)


def find_wrong(level: Level) -> list[str]:
    """Let all of it come to rest, and compare with a run that nothing disturbed."""
    days = level.read_progress()[0] + 2
    for name in ("one", "two"):
        machine = level.machines[name]
        machine.run(
            f"sed -i 's/^VIRAL_SIMULATION_DAYS=.*/VIRAL_SIMULATION_DAYS={days}/' /etc/viral/services.env; "
            "systemctl restart viral-scraper"
        )
    audit = Audit()

    def is_at_rest() -> bool:
        facts = level.read_facts(audit)
        said = find_unfinished(facts, days)
        # Who serves what is asked of the gateways below, and health was asked above.
        return not [line for line in said if "does not answer" not in line and "serves version" not in line]

    eventually(is_at_rest, within_s=240, every_s=3)
    facts = level.read_facts(audit)
    with level.connect() as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE reference")
    undisturbed = Reference(level.format_dsn("reference")).collect(FIRST_DAY, days)
    print(  # noqa: T201
        f"{len(facts.batches)} batches, {len(facts.trainings)} trainings, {len(facts.promotions)} promotions, "
        f"{len(facts.audit.seen)} events, {count_published_again(facts)} published again"
    )
    return find_broken(facts, undisturbed)
