"""The load generator counts what fails and goes on."""

from __future__ import annotations

import asyncio
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


def loaded(bodies: Path, *, listening: bool) -> Outcome:
    async def story() -> Outcome:
        server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if not listening:
            server.close()
            await server.wait_closed()
        bodies.write_text("{}")
        outcome = await Load(Config([port], str(bodies), rate=10.0, seconds=0.5)).run()
        server.close()
        return outcome

    return uvloop.run(story())


def test_a_connection_that_the_server_closed_is_replaced(tmp_path: Path) -> None:
    outcome = loaded(tmp_path / "bodies", listening=True)

    assert outcome.requests >= 5
    assert outcome.failed == 0


def test_where_nobody_listens_every_request_has_failed(tmp_path: Path) -> None:
    outcome = loaded(tmp_path / "bodies", listening=False)

    assert (outcome.requests, outcome.p50_ms) == (0, 0.0)
    assert outcome.failed >= 5
