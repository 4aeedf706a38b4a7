"""Let hosts of a test reach a server that listens on loopback alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# As Postgres does: what a silent client held is freed.
NOTICE_SILENCE = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 5, socket.TCP_USER_TIMEOUT: 15_000}


@contextmanager
def forward(address: str, port: int) -> Iterator[int]:
    """Pass connections to `address` on to `port` of loopback; the block gets the port there."""
    with socket.create_server((address, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, port), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)  # closing it alone would leave the thread waiting


def _accept(listener: socket.socket, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in NOTICE_SILENCE.items():
                client.setsockopt(socket.IPPROTO_TCP, option, value)
            server = socket.create_connection(("127.0.0.1", port))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with one, other, suppress(OSError):
        while piece := one.recv(65_536):
            other.sendall(piece)
