"""Faults that need no pipeline: a clock that steps, a proxy that keeps back, limits and full disks."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import psutil
import pytest

from tests.chaos.faults.clocks import build_library, make_clock
from tests.chaos.faults.delaying_proxy import serve
from tests.chaos.faults.disks import mount_disk
from tests.chaos.faults.limits import limit_descriptors, limit_memory
from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import Fault
from tests.integration.gateway.processes import free_port

# What it is asked to do comes as a line, and each line is answered.
WORKER = """
import sys, time
kept = []
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class OneProcess:
    """All of a pipeline that a limit asks for."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.ask("1") == "1"

    def ask(self, expression: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def find_tree(self, _target: str) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid)]


@pytest.fixture
def one() -> Iterator[OneProcess]:
    started = OneProcess({})
    yield started
    started.process.kill()
    started.process.wait()


@pytest.mark.skipif(shutil.which("tcc") is None, reason="needs tcc")
def test_a_clock_steps_while_others_go_on(tmp_path: Path) -> None:
    clock = make_clock(build_library(tmp_path), tmp_path / "clock")
    one = OneProcess(clock.environment)

    clock.step(-7200)
    behind_s = time.time() - float(one.ask("time.time()"))
    today = one.ask("__import__('datetime').datetime.now().timestamp()")
    slept_s = float(one.ask("[time.monotonic(), time.sleep(0.1), time.monotonic()][2] - 0"))
    clock.step(0)
    right_s = time.time() - float(one.ask("time.time()"))
    one.process.kill()
    one.process.wait()

    assert behind_s == pytest.approx(7200, abs=5)
    assert time.time() - float(today) == pytest.approx(7200, abs=5)
    assert slept_s == pytest.approx(time.monotonic(), abs=5)
    assert right_s == pytest.approx(0, abs=5)


def test_no_further_file_can_be_opened_until_the_limit_is_gone(one: OneProcess) -> None:
    open_one = "kept.append(open('/dev/null'))"
    heal = limit_descriptors(cast(Pipeline, one), Fault("descriptors", "trainer", 0, 1, 1))
    heal_another = limit_descriptors(cast(Pipeline, one), Fault("descriptors", "trainer", 0, 1, 1))

    said = [one.ask(open_one) for _ in range(2)]
    heal()
    heal_another()

    assert said == ["None", "Too many open files"]
    assert one.ask(open_one) == "None"
    assert psutil.Process(one.process.pid).rlimit(resource.RLIMIT_NOFILE) == resource.getrlimit(
        resource.RLIMIT_NOFILE
    )


@needs_root
@pytest.mark.skipif(not Path("/sys/fs/cgroup/memory").exists(), reason="needs memory cgroups of version 1")
def test_who_takes_more_memory_than_is_left_is_killed(one: OneProcess) -> None:
    heal = limit_memory(cast(Pipeline, one), Fault("memory", "trainer", 0, 1, 8))

    said = one.ask("len(bytearray(64 << 20))")
    heal()

    assert said == ""
    assert one.process.wait(5) == -9


@needs_root
@pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="needs e2fsprogs")
def test_a_full_disk_takes_nothing_until_it_is_emptied(tmp_path: Path) -> None:
    with mount_disk(tmp_path / "image", tmp_path / "disk", 16) as disk:
        filler = disk.fill()
        with pytest.raises(OSError, match="No space left"), (disk.mounted / "file").open("wb") as file:
            file.write(bytes(1 << 20))
        filler.unlink()

        (disk.mounted / "file").write_bytes(bytes(1 << 20))


async def connect(port: int, proxy: asyncio.Task[None]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as soon as the proxy listens."""
    while not proxy.done():
        with suppress(ConnectionRefusedError):
            return await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.01)
    raise AssertionError(repr(proxy.exception()))


def test_a_delaying_proxy_keeps_all_back_and_loses_nothing() -> None:
    async def ask() -> tuple[float, bytes]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while piece := await reader.read(1024):
                writer.write(piece)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        target = server.sockets[0].getsockname()[1]
        port = free_port()
        proxy = asyncio.create_task(serve("127.0.0.1", port, target, 0.2))
        reader, writer = await connect(port, proxy)
        started = time.monotonic()
        writer.write(b"x" * 100_000)
        writer.write_eof()
        reply = await reader.read(-1)
        took_s = time.monotonic() - started
        proxy.cancel()
        server.close()
        return took_s, reply

    took_s, reply = asyncio.run(ask())

    assert reply == b"x" * 100_000
    assert took_s >= 0.4
