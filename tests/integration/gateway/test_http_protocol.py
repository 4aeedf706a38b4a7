"""A connection takes no more than it may: bytes, fields, time, and company."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Literal

import pytest
import structlog
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from viral_gateway.middleware import http_protocol
from viral_gateway.middleware.tls import CertificateFiles, make_server_options

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def echo_client(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    await PlainTextResponse(f"{scope['client'][0]} {len(body)}")(scope, receive, send)


@contextmanager
def serve(
    trusted_proxies: str = "",
    files: CertificateFiles | None = None,
    loop: Literal["auto", "asyncio", "uvloop"] = "auto",
    app: ASGIApp = echo_client,
) -> Iterator[int]:
    options = make_server_options(trusted_proxies, files)
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, loop=loop, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    with serve() as port:
        yield port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def exchange(port: int, sent: bytes) -> bytes:
    """Send it and read until the server closes."""
    with connect(port) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def ask(port: int, fields: bytes = b"", body: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return exchange(port, HEAD + fields + length + b"Connection: close\r\n\r\n" + body)


def test_an_honest_request_is_answered_also_with_a_long_body(port: int) -> None:
    assert ask(port).endswith(b"127.0.0.1 0")
    assert ask(port, body=b"x" * 1_000_000).endswith(b"127.0.0.1 1000000")


def test_requests_one_after_the_other_on_one_connection_are_answered(port: int) -> None:
    with connect(port) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"\r\n")
            assert connection.recv(65536).endswith(b"127.0.0.1 0")
        connection.sendall(HEAD + b"\r\n" + HEAD + b"Connection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"200 OK") == 2


@pytest.mark.parametrize(
    "fields",
    [b"A: " + b"x" * 40_000 + b"\r\n", b"A: x\r\n" * 101],
    ids=["long", "many"],
)
def test_a_head_that_is_too_long_is_refused(port: int, fields: bytes) -> None:
    reply = ask(port, fields)

    assert reply.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"application/problem+json" in reply


def test_a_head_without_end_is_refused_before_it_is_read(port: int) -> None:
    started = time.monotonic()

    # The reply may be lost where the connection is reset while more is sent.
    reply = exchange(port, HEAD + b"A: " + b"x" * 60_000_000)
    assert reply == b"" or reply.startswith(b"HTTP/1.1 431 ")
    assert time.monotonic() - started < 3
    assert ask(port).endswith(b"127.0.0.1 0")


@pytest.mark.parametrize("host", [b"", b"Host: a\r\nHost: b\r\n"], ids=["none", "two"])
def test_a_request_without_one_host_is_refused(port: int, host: bytes) -> None:
    reply = exchange(port, b"GET / HTTP/1.1\r\n" + host + b"\r\n")

    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"exactly one Host" in reply


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"A: x"], ids=["nothing", "a line", "half a field"])
def test_a_head_that_does_not_come_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.2)

    reply = exchange(port, sent)

    assert reply.startswith(b"HTTP/1.1 408 ") if sent else reply == b""


def test_half_a_head_after_a_reply_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.2)
    with connect(port) as connection:
        connection.sendall(HEAD + b"\r\n")
        connection.recv(65536)
        connection.sendall(HEAD)
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def open_many(port: int, count: int, stack: ExitStack) -> int:
    """Open connections, and count those that are answered."""
    answered = 0
    for _ in range(count):
        connection = stack.enter_context(connect(port))
        connection.sendall(HEAD + b"\r\n")
        with suppress(ConnectionResetError):
            answered += bool(connection.recv(65536))
    return answered


def test_one_caller_cannot_take_all_connections_and_it_is_logged(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "PER_CALLER", 20)
    monkeypatch.setattr(http_protocol.CONNECTIONS, "_logged_at", float("-inf"))
    with structlog.testing.capture_logs() as logs, ExitStack() as stack:
        answered = open_many(port, 30, stack)

    assert answered == 20
    assert [entry["event"] for entry in logs] == ["connections refused"]
    time.sleep(0.1)
    assert ask(port).endswith(b"127.0.0.1 0")


def test_descriptors_are_left_for_the_rest(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "PER_CALLER", 10_000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (128, 128))
    monkeypatch.setattr(http_protocol, "RESERVE", 64)
    with ExitStack() as stack:
        assert open_many(port, 80, stack) == 64


@pytest.mark.parametrize(("trusted", "seen"), [("", b"127.0.0.1 0"), ("127.0.0.1", b"192.0.2.7 0")])
def test_only_a_named_proxy_is_believed(trusted: str, seen: bytes) -> None:
    with serve(trusted) as port:
        assert ask(port, b"X-Forwarded-For: 192.0.2.7\r\n").endswith(seen)
