"""The load generator counts what fails and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.bench.gateway_load import Config, Load, Outcome

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that hangs up on whoever has no work for it."""
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    writer.write(REPLY)
    await asyncio.sleep(0.05)
    writer.close()


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that reads and says nothing."""
    await reader.read()
    writer.close()


def loaded(
    bodies: Path,
    *,
    listening: bool = True,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = answer_once,
    rate: float | None = 10.0,
) -> Outcome:
    async def story() -> Outcome:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if not listening:
            server.close()
            await server.wait_closed()
        bodies.write_text("{}")
        outcome = await Load(Config([port], str(bodies), rate=rate, seconds=0.5 if rate else 1.0)).run()
        server.close()
        return outcome

    return uvloop.run(story())


def test_a_connection_that_the_server_closed_is_replaced(tmp_path: Path) -> None:
    outcome = loaded(tmp_path / "bodies")

    assert outcome.requests >= 5
    assert outcome.failed == 0


def test_requests_that_nobody_answers_have_failed(tmp_path: Path) -> None:
    at_a_rate = loaded(tmp_path / "bodies", serve=stay_silent)
    one_after_the_other = loaded(tmp_path / "bodies", serve=stay_silent, rate=None)

    assert (at_a_rate.requests, at_a_rate.failed >= 5) == (0, True)
    assert (one_after_the_other.requests, one_after_the_other.failed) == (0, 1)


def test_where_nobody_listens_every_request_has_failed(tmp_path: Path) -> None:
    outcome = loaded(tmp_path / "bodies", listening=False)

    assert (outcome.requests, outcome.p50_ms) == (0, 0.0)
    assert outcome.failed >= 5
