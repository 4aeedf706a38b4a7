"""Stop without turning a caller away: answer on, tell each connection to end, and only then close the port."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, cast

import uvicorn

from viral_gateway.middleware.http_protocol import CONNECTIONS, STOPPING, BoundedProtocol

# Between looks at the clock, and at a signal that came; uvicorn's own ten a second keep an idle machine awake.
TICK_S = 0.5
# From SIGTERM on, each reply tells its connection to end; those that ask for nothing meanwhile are closed after this.
DRAIN_S = 2.0
# A connection that was taken as the port closed sends its first request within this.
FIRST_REQUEST_S = 1.0


class GracefulServer(uvicorn.Server):
    """Be uvicorn's server, with such a stop. `beat()` is called while the event loop turns."""

    def __init__(self, config: uvicorn.Config, beat: Callable[[], None]) -> None:
        super().__init__(config)
        self._beat = beat

    async def main_loop(self) -> None:
        """Keep the date of replies until asked to stop."""
        while not await self.on_tick(0):
            self._beat()
            await asyncio.sleep(TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let all callers go in order, then end the application."""
        self.lifespan.state[STOPPING] = True
        for connection in self.server_state.connections:
            cast(BoundedProtocol, connection).close_after_reply()
        await self._wait_for_callers(DRAIN_S)
        # Closing the port resets whom the kernel has let in and nobody has taken yet.
        waiting = [each for listener in sockets or () for each in _accept_all(listener)]
        for server in self.servers:
            server.close()
        kind: Any = self.config.http_protocol_class
        parts = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
        build = partial(kind, **parts)
        for taken in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(build, taken)
        await self._wait_for_callers(FIRST_REQUEST_S)
        await super().shutdown(sockets)

    async def _wait_for_callers(self, most_s: float) -> None:
        until = time.monotonic() + most_s
        while CONNECTIONS.count_open() and time.monotonic() < until:
            self._beat()
            await asyncio.sleep(0.05)


def _accept_all(listener: socket.socket) -> Iterator[socket.socket]:
    with suppress(BlockingIOError):
        while True:
            taken, _ = listener.accept()
            taken.setblocking(False)
            yield taken
