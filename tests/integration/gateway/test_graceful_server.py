"""A server that stops turns nobody away: neither who keeps a connection nor who has just opened one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context

import httpx
import pytest
import uvicorn
from viral_gateway.middleware import graceful_server
from viral_gateway.middleware.graceful_server import GracefulServer
from viral_gateway.middleware.http_protocol import CONNECTIONS
from viral_gateway.middleware.tls import make_server_options

from tests.eventually import eventually
from tests.integration.gateway.load import under_load, wait_for_more
from tests.integration.gateway.processes import free_port
from tests.integration.gateway.test_http_protocol import echo_client


def make_server() -> GracefulServer:
    config = uvicorn.Config(echo_client, lifespan="off", log_config=None, **make_server_options(""))
    return GracefulServer(config, lambda: None)


def listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    listener.setblocking(False)
    return listener


def serve(port: int) -> None:
    make_server().run([listen(port)])


@contextmanager
def serve_and_stop(port: int) -> Iterator[GracefulServer]:
    server, listener = make_server(), listen(port)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()


def test_no_request_fails_however_often_it_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graceful_server, "TICK_S", 0.05)
    monkeypatch.setattr(graceful_server, "DRAIN_S", 0.2)
    port = free_port()

    with under_load(port, callers=16) as load:
        for _ in range(10):
            # Not a thread: the callers would be given the interpreter between its last look at the port and its close.
            process = get_context("fork").Process(target=serve, args=(port,))
            process.start()
            wait_for_more(load, 200)
            process.terminate()
            process.join()

    # Linux resets who gets in during the microseconds between the last look at the port's queue and its close.
    assert len(load.failed) <= 2


def test_an_idle_connection_gets_one_more_reply_and_learns_that_it_was_the_last() -> None:
    port = free_port()
    with serve_and_stop(port) as server, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        eventually(lambda: server.started)
        assert "connection" not in client.get("/").headers

        server.should_exit = True
        eventually(lambda: bool(server.lifespan.state))

        assert client.get("/").headers["connection"] == "close"
    assert not CONNECTIONS.count_open()
