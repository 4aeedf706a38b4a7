"""The private servers, through starts, kills and ends."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr
from viral_common.errors import UsageError
from viral_local.prepare.rabbitmq import USERS
from viral_local.process.orphans import find_orphans
from viral_local.stack.only_servers import make_servers_stack
from viral_local.stack.plan import Plan
from viral_local.stack.stack import Stack

from tests.eventually import eventually
from tests.servers import Servers


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = make_servers_stack(tmp_path_factory.mktemp("clone") / ".viral")
    yield stack
    stack.down(purge=True)


@pytest.fixture
def up(stack: Stack) -> None:
    """It runs, whichever test comes first."""
    stack.up()


def modes_above(path: Path) -> dict[Path, int]:
    return {parent: parent.stat().st_mode for parent in path.parents}


def pids(stack: Stack) -> dict[str, int]:
    document = stack.document
    assert document is not None
    return dict(document["pids"])


def is_answering(plan: Plan) -> bool:
    try:
        with httpx.Client(timeout=30) as http:
            overview = http.get(f"{plan.console_login_url}/api/overview")
            experiments = http.get(f"{plan.mlflow_login_url}/api/2.0/mlflow/experiments/search?max_results=1")
    except httpx.TransportError:
        return False
    return overview.is_success and experiments.is_success


def command_lines() -> list[list[str]]:
    return [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]


def test_a_first_start_loosens_nothing_and_shows_no_password(stack: Stack) -> None:
    before = modes_above(stack.home.root)

    plan = stack.up()

    assert is_answering(plan)
    assert modes_above(stack.home.root) == before
    shown = " ".join(part for line in command_lines() for part in line)
    logged = "".join(path.read_text(errors="replace") for path in stack.home.log_dir.glob("*.log"))
    for password in (path.read_text().strip() for path in plan.secrets.root.rglob("viral_*")):
        assert password not in shown
        assert password not in logged
    private = [*stack.home.root.iterdir(), *plan.secrets.root.rglob("*")]
    assert [path for path in private if path.suffix != ".toml" and path.stat().st_mode & 0o077] == []


@pytest.mark.usefixtures("up")
def test_a_second_start_changes_nothing_also_two_at_once(stack: Stack) -> None:
    before = pids(stack)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: Stack(stack.settings, only_servers=True).up(), range(2)))

    assert pids(stack) == before


@pytest.mark.usefixtures("up")
def test_the_trace_and_the_plugins_are_there_and_guest_is_not(stack: Stack) -> None:
    plan = stack.plan()
    with httpx.Client(base_url=plan.console_login_url) as console:
        traces = [trace["name"] for trace in console.get("/api/traces").json()]
        users = sorted(user["name"] for user in console.get("/api/users").json())
    metrics = httpx.get(f"http://127.0.0.1:{plan.ports['prometheus']}/metrics")

    assert traces == ["viral"]
    assert users == sorted(USERS)
    assert metrics.is_success


@pytest.mark.usefixtures("up")
def test_everything_listens_on_loopback_only(stack: Stack) -> None:
    listening = [
        connection.laddr.ip
        for orphan in find_orphans(stack.home.stack_id, stack.home.root)
        for connection in orphan.process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(listening) >= 6
    assert all(ipaddress.ip_address(address).is_loopback for address in listening)


@pytest.mark.usefixtures("up")
@pytest.mark.parametrize(
    "program",
    ["postgres", *(pytest.param(name, marks=pytest.mark.long) for name in ("mlflow", "rabbitmq"))],
)
def test_a_killed_server_is_started_again_and_its_new_pid_is_written(stack: Stack, program: str) -> None:
    killed = pids(stack)[program]

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: pids(stack)[program] != killed)
    eventually(lambda: psutil.pid_exists(pids(stack)[program]))
    stack.up()
    assert is_answering(stack.plan())


@pytest.mark.usefixtures("up")
def test_up_goes_on_from_a_half_finished_start(stack: Stack) -> None:
    ports = stack.plan().ports
    os.kill(pids(stack)["supervisor"], signal.SIGKILL)  # its children go on without it
    stack.home.stack_file.unlink()

    plan = stack.up()

    assert is_answering(plan)
    assert plan.ports == ports


@pytest.mark.usefixtures("up")
def test_after_a_killed_supervisor_status_tells_what_still_runs_and_down_cleans_up_sparing_strangers(
    stack: Stack,
) -> None:
    ours = pids(stack)
    stranger = subprocess.Popen(["sleep", "60"], env={**os.environ, "VIRAL_STACK": "another"})
    os.kill(ours["supervisor"], signal.SIGKILL)
    eventually(lambda: not stack.is_running)

    with pytest.raises(UsageError, match=r"not watched: .*mlflow, postgres, rabbitmq\. `viral up`"):
        stack.plan()
    stopped = stack.down()

    assert stopped >= 4
    with pytest.raises(UsageError, match="the stack is not running"):
        stack.plan()
    assert not any(psutil.pid_exists(pid) for pid in ours.values())
    assert stranger.poll() is None
    assert stack.document is None
    stranger.kill()
    stranger.wait()


@pytest.mark.long
@pytest.mark.usefixtures("up")
def test_a_broker_given_to_a_running_stack_takes_the_place_of_its_own(stack: Stack, servers: Servers) -> None:
    ports = stack.plan().ports
    given = stack.settings.model_copy(update={"rabbitmq_url": SecretStr(servers.rabbitmq_url)})

    plan = replace(stack, settings=given).up()

    assert plan.rabbitmq_url == servers.rabbitmq_url
    assert plan.ports == ports
    assert set(pids(stack)) == {"supervisor", "postgres", "mlflow"}


def test_down_when_nothing_runs_is_fine(stack: Stack) -> None:
    assert stack.down() == 0


def test_purge_leaves_nothing_behind(stack: Stack) -> None:
    data = stack.home.owner.data_dir

    stack.down(purge=True)

    assert not data.exists()
    assert not stack.home.root.exists()
