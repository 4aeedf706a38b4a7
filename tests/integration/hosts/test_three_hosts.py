"""The page about three hosts, command by command, on three hosts; then each of them loses its power in turn."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.eventually import eventually
from tests.hosts import find_obstacle
from tests.integration.failover.machines import ROOT, Machines, make_machines

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(find_obstacle() is not None, reason=find_obstacle() or ""),
]
PAGE = ROOT / "docs" / "three-hosts.md"
ADDRESSES = ("10.0.0.5", "10.0.0.6", "10.0.0.7")
# So that a story takes a minute.
SMALL = """
VIRAL_SOURCE=simulated
VIRAL_BATCH_SIZE=1200
VIRAL_BATCH_PAUSE_S=45
VIRAL_SIMULATION_DAYS=60
VIRAL_WINDOW_BATCHES=2
VIRAL_TRAIN_THREADS=1
"""
# The virtual environment is there already, so what the page installs only has to be named rightly.
PROGRAMS = {
    "git": "#!/bin/sh\n",
    "python3": '#!/bin/sh\n[ "$1 $2" = "-m venv" ] || exec /usr/bin/python3 "$@"\n',
    "pip": '#!/bin/sh -e\nwhile [ $# -gt 0 ]; do [ "$1" != -r ] || test -f "$2"; shift; done\n',
}
# Another host's files are below its folder.
SCP = """#!/usr/bin/python3 -IS
import subprocess, sys
*sources, target = sys.argv[1:]
address, _, path = target.removeprefix("root@").partition(":")
subprocess.run(["cp", *sources, {folders}[address] + path], check=True)
"""
AWAY_S = 15
HEALTH = {"trainer": {"trainer": 8102}, "third": {"scraper": 8101, "evaluator": 8103}}
# What is doubled, lost, out of order or given up, in words; nothing, if all is well.
WRONG = """
SELECT 'trained twice: ' || batch_id FROM trainings GROUP BY batch_id HAVING count(*) > 1
UNION ALL SELECT 'judged twice: ' || batch_id FROM verdicts GROUP BY batch_id HAVING count(*) > 1
UNION ALL SELECT 'promoted twice: ' || verdict_id FROM promotions GROUP BY verdict_id HAVING count(*) > 1
UNION ALL SELECT 'promotions up to ' || max(seq) || ', but ' || count(*) FROM promotions HAVING max(seq) <> count(*)
UNION ALL SELECT 'given up: ' || event_id FROM inbox WHERE state = 'dead-lettered'
UNION ALL SELECT 'tweets of ' || id || ': ' || tweet_count || ', but ' || count(external_id)
    FROM batches LEFT JOIN tweets ON batch_id = id WHERE collected_at IS NOT NULL
    GROUP BY id HAVING tweet_count <> count(external_id)
UNION ALL SELECT 'never announced: ' || id FROM batches WHERE collected_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE convert_from(body, 'UTF8') LIKE '%batch.collected%' || id || '%')
"""


# What is still to do.
OPEN = """
SELECT 'not published: ' || service || ' ' || message_id FROM outbox WHERE published_at IS NULL
UNION ALL SELECT state || ': ' || service || ' ' || event_id || ' of ' || received_at FROM inbox WHERE state <> 'done'
UNION ALL SELECT 'not judged: ' || id || ' of ' || collected_at FROM batches WHERE collected_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM verdicts WHERE batch_id = batches.id)
"""


@dataclass
class Asked:
    """What became of the requests, one after the other, of somebody who always asks."""

    failed: int = 0
    answered: int = 0
    longest_s: float = 0
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class ThreeHosts:
    """The hosts of the page."""

    machines: Machines
    story_s: float
    """From starting the services to the first prediction."""

    @property
    def gateway(self) -> str:
        return f"https://{self.machines['third'].host.address}:8000"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(
            cafile=self.machines["third"].folder / "etc/viral/certs/trust/ca.crt"
        )

    def ask_database(self, question: str) -> str:
        state = "/var/lib/viral-servers"
        url = f"postgresql://viral@127.0.0.1/viral?sslmode=verify-full&sslrootcert={state}/certs/trust/ca.crt"
        password = f"$(cat {state}/secrets/viral/viral_database_password)"
        return self.machines["servers"].run(f'PGPASSWORD={password} psql "{url}" -Atc "{question}"').strip()

    def count(self, table: str) -> int:
        return int(self.ask_database(f"SELECT count(*) FROM {table}"))

    def find_unready(self) -> list[str]:
        """Find, in words, what keeps any service from being ready; asked on its own host."""
        found = []
        for name, services in HEALTH.items():
            for service, port in services.items():
                said = self.machines[name].run(
                    f"curl -s -m 5 http://127.0.0.1:{port}/health/ready", check=False
                )
                if not said or json.loads(said)["status"] != "ready":
                    found.append(f"{service}: {said or 'no answer'}")
        try:
            reply = httpx.get(f"{self.gateway}/health/ready", verify=self.trust, timeout=5)
            return found if reply.is_success else [*found, f"gateway: {reply.text}"]
        except httpx.TransportError as error:
            return [*found, f"gateway: {error}"]

    @contextmanager
    def asking(self) -> Iterator[Asked]:
        """Ask for predictions ten times a second, half of them with an author, inside the block."""
        asked = Asked()
        thread = threading.Thread(target=self._ask_on, args=(asked,), daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            asked.stopping.set()
            thread.join(20)

    def _ask_on(self, asked: Asked) -> None:
        trust, number = self.trust, 0
        while not asked.stopping.is_set():
            with httpx.Client(base_url=self.gateway, verify=trust, timeout=5) as client:
                while not asked.stopping.wait(0.1):
                    number += 1
                    tweet: dict[str, Any] = {"text": f"Number {number}: what should we build next?"}
                    if number % 2:
                        tweet["username"] = f"sim_{number}"
                    began = time.monotonic()
                    try:
                        client.post("/v1/predictions", json={"tweets": [tweet]}).raise_for_status()
                        asked.answered += 1
                        asked.longest_s = max(asked.longest_s, time.monotonic() - began)
                    except httpx.HTTPError:
                        asked.failed += 1
                        break


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeHosts]:
    """Three hosts after the page's commands, with a first model that answers."""
    folder = tmp_path_factory.mktemp("hosts")
    with make_machines(folder, ("servers", "trainer", "third"), PAGE, ADDRESSES) as machines:
        folders = {machine.host.address: str(machine.folder) for machine in machines}
        for name, text in {**PROGRAMS, "scp": SCP.replace("{folders}", repr(folders))}.items():
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        try:
            machines.follow("Install", "Servers", "What each host gets", "Settings")
            for name in HEALTH:
                with (machines[name].folder / "etc/viral/services.env").open("a") as settings:
                    settings.write(SMALL)
            began = time.monotonic()
            machines.follow("Firewall", "Services", "Check")
            story_s = time.monotonic() - began
            yield ThreeHosts(machines, story_s)
        except BaseException:
            show_logs(machines)
            raise
    shutil.rmtree(folder)


def show_logs(machines: Machines) -> None:
    for machine in machines:
        for log in sorted((machine.folder / "var/log/units").glob("*.log")):
            print(f"--- {machine.name}: {log.stem}", log.read_text()[-3000:], sep="\n")  # noqa: T201


def test_each_service_runs_under_its_own_account_and_alone_reads_its_secrets(three: ThreeHosts) -> None:
    third = three.machines["third"]
    passwd = (third.folder / "etc" / "passwd").read_text()
    accounts = {int(uid): name for name, uid in re.findall(r"^(viral-\w+):x:(\d+):", passwd, re.MULTILINE)}

    running = [Path("/proc", str(pid)) for pid in third.host.find_pids()]
    found = {(accounts.get(path.stat().st_uid), find_service(path)) for path in running}
    command = "setpriv --reuid=viral-gateway --clear-groups ls /etc/viral/secrets/"

    assert {pair for pair in found if pair[1]} == {
        (f"viral-{name}", f"viral-{name}") for name in ("scraper", "evaluator", "gateway")
    }
    assert third.run(command + "gateway").split()
    assert third.run(command + "evaluator", check=False) == ""


def find_service(process: Path) -> str | None:
    """Find which `viral-… run` a process is."""
    said = re.search(r"/(viral-\w+)\0run\0$", (process / "cmdline").read_text())
    return said[1] if said else None


def test_the_firewall_lets_nobody_else_at_the_servers(three: ThreeHosts) -> None:
    address = three.machines["servers"].host.address
    for port in (5432, 5671, 5000):
        with pytest.raises((httpx.ConnectTimeout, httpx.ConnectError)):
            httpx.get(f"https://{address}:{port}/", timeout=1, verify=False)


@pytest.mark.parametrize("name", ["servers", "trainer", "third"])
def test_a_host_without_power_loses_and_doubles_nothing(
    three: ThreeHosts, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = three.machines[name]
    eventually(lambda: not three.find_unready(), within_s=120, every_s=1)
    verdicts = three.count("verdicts")
    with three.asking() as asked:
        time.sleep(2)
        lost.lose()
        time.sleep(AWAY_S)
        began = time.monotonic()
        lost.boot()
        try:
            eventually(lambda: not three.find_unready(), within_s=120, every_s=0.5)
        except AssertionError:
            show_logs(three.machines)
            raise
        ready_s = time.monotonic() - began
        # Two more: the one that was under way, and one of after the loss.
        eventually(lambda: three.count("verdicts") >= verdicts + 2, within_s=300, every_s=2)
    with capsys.disabled():
        print(  # noqa: T201
            f"\nfirst prediction after {three.story_s:.0f} s; {name} lost for {AWAY_S} s, all ready {ready_s:.1f} s"
            f" after its start; {asked.failed} requests failed, {asked.answered} answered,"
            f" slowest {asked.longest_s:.2f} s"
        )

    assert asked.answered > 0
    if name != "third":  # the gateway is there
        assert asked.failed == 0
        assert asked.longest_s < 2
    assert three.ask_database(WRONG) == ""


def test_in_the_end_every_batch_is_judged_and_the_gateway_has_the_champion(three: ThreeHosts) -> None:
    three.machines["third"].run("systemctl stop viral-scraper")

    deadline = time.monotonic() + 400
    while still_open := three.ask_database(OPEN):
        assert time.monotonic() < deadline, still_open
        time.sleep(2)
    champion = three.ask_database("SELECT model_version FROM promotions ORDER BY seq DESC LIMIT 1")

    def ask_version() -> str:
        return str(httpx.get(f"{three.gateway}/v1/model", verify=three.trust).json()["version"])

    eventually(lambda: ask_version() == champion)
    assert three.ask_database(WRONG) == ""
    assert three.count("verdicts") == three.count("batches WHERE collected_at IS NOT NULL")
