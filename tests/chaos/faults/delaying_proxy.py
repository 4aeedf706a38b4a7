"""Forward TCP connections, each piece later than it came: `ADDRESS PORT TARGET_PORT MILLISECONDS`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

PIECE = 65_536


async def serve(address: str, port: int, target: int, delay_s: float) -> None:
    """Accept connections until killed."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(address, target)
        await asyncio.gather(pass_on(reader, onward_writer, delay_s), pass_on(onward_reader, writer, delay_s))
        for finished in (writer, onward_writer):
            finished.close()

    server = await asyncio.start_server(forward, address, port)
    await server.serve_forever()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Keep each piece back for so long; the pieces behind it do not wait for it twice."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

    async def write() -> None:
        while True:
            due, piece = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        writer.write_eof()  # the other direction may still have something to say

    writing = asyncio.create_task(write())
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            await waiting.put((loop.time() + delay_s, piece))
    await waiting.put((loop.time() + delay_s, b""))
    with suppress(OSError):
        await writing


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) / 1000))
