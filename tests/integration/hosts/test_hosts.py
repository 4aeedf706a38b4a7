"""The hosts that tests are made of: apart from each other and from the world, and gone at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.hosts import Host, find_obstacle, make_hosts

pytestmark = pytest.mark.skipif(find_obstacle() is not None, reason=find_obstacle() or "")

ECHO = """
import socket, sys
with socket.create_server((sys.argv[1], 7000)) as server:
    while True:
        connection, whom = server.accept()
        connection.sendall(socket.gethostname().encode())
        connection.close()
"""

LEFT_ALONE = """
from tests.hosts import make_hosts
with make_hosts("a") as hosts:
    hosts["a"].start(["sleep", "1000"])
    print(hosts["a"].namespace, flush=True)
    input()
"""


def ask(host: Host, timeout_s: float = 5) -> str:
    with socket.create_connection((host.address, 7000), timeout=timeout_s) as connection:
        return connection.recv(100).decode()


def start_echo(host: Host) -> subprocess.Popen[bytes]:
    process = host.start([sys.executable, "-c", ECHO, host.address])

    def answers() -> bool:
        try:
            return ask(host) == host.name
        except ConnectionRefusedError:
            return False

    eventually(answers)
    return process


def test_hosts_know_each_other_by_name_and_their_wires_can_be_cut() -> None:
    with make_hosts("left", "right") as hosts:
        left, right = hosts["left"], hosts["right"]
        start_echo(right)
        seen = (
            "import socket; print(socket.create_connection(('right', 7000), 2).recv(9), socket.gethostname())"
        )
        reach = [sys.executable, "-c", seen]
        assert left.run(reach).stdout.strip() == "b'right' left"
        assert left.run(["ip", "-4", "route"]).stdout.count("\n") == 1  # this network and no other

        left.drop(right, port=7000)
        assert "timed out" in left.run(reach, check=False).stderr
        assert ask(right) == "right"  # the test's own way is another
        left.heal()
        right.reject(port=7000)
        with pytest.raises(ConnectionRefusedError):
            ask(right)
        right.heal()
        right.lose(99)
        with pytest.raises(TimeoutError):
            ask(right, timeout_s=0.5)
        right.heal()
        assert ask(right) == "right"


def test_a_host_without_power_ends_its_processes_without_a_word() -> None:
    with make_hosts("one") as hosts:
        host = hosts["one"]
        process = start_echo(host)
        with socket.create_connection((host.address, 7000), timeout=5) as open_connection:
            open_connection.recv(100)
            host.power_off()

            assert process.returncode == -signal.SIGKILL
            assert host.find_pids() == []
        host.heal()
        with pytest.raises(ConnectionRefusedError):
            ask(host)
        start_echo(host)


def test_a_process_has_its_user_its_limit_of_memory_and_its_log(tmp_path: Path) -> None:
    with make_hosts("one") as hosts:
        log = tmp_path / "log"
        greedy = "import os; print(os.getuid() > 0, flush=True); b'x' * (256 << 20)"
        process = hosts["one"].start(
            [sys.executable, "-I", "-c", greedy], log=log, user="nobody", memory_mb=64
        )

        assert process.wait(20) == -signal.SIGKILL
        assert log.read_text() == "True\n"


def test_what_a_killed_run_left_is_removed_at_the_next_start() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEFT_ALONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        namespace = run.stdout.readline().strip()
        os.kill(run.pid, signal.SIGKILL)
    before = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert namespace.startswith("viral-test-")
    assert namespace in before

    with make_hosts("b"):
        during = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
        assert namespace not in during
        assert not Path("/etc/netns", namespace).exists()
