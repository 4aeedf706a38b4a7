"""Bodies that are too large, too slow, too deep or no JSON at all cost the gateway nothing but a refusal."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from tests.integration.gateway.conftest import BODY_TIMEOUT_S
from tests.integration.gateway.processes import GatewayProcess

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PREDICT = "/v1/predictions"


def tweet(text: str) -> bytes:
    return b'{"tweets": [{"text": "' + text.encode("utf-8", "surrogatepass") + b'"}]}'


def endless(piece: bytes, bytes_in_all: int) -> Iterator[bytes]:
    for _ in range(bytes_in_all // len(piece)):
        yield piece


BODIES: dict[str, tuple[str, dict[str, str], bytes, set[int]]] = {
    "broken JSON": (PREDICT, JSON, b'{"tweets": [', {400}),
    "deep lists": (PREDICT, JSON, b"[" * MIB, {400}),
    "deep lists, closed": (PREDICT, JSON, b"[" * 500_000 + b"]" * 500_000, {400, 422}),
    "deep objects": (PREDICT, JSON, b'{"tweets":' * 90_000 + b"1" + b"}" * 90_000, {400, 422}),
    "invalid UTF-8": (PREDICT, JSON, b'{"tweets": [{"text": "\xff\xfe\x80"}]}', {400}),
    "UTF-16": (PREDICT, JSON, '{"tweets": [{"text": "hi"}]}'.encode("utf-16"), {200, 400}),
    "lone surrogates, escaped": (PREDICT, JSON, tweet(r"\ud800 \udfff"), {200, 400, 422}),
    "lone surrogates, raw": (PREDICT, JSON, tweet("\ud800 \udfff"), {200, 400}),
    "a lone surrogate as field": (PREDICT, JSON, rb'{"\ud800": 1, "tweets": [{"text": 1}]}', {400, 422}),
    "NUL, escaped": (PREDICT, JSON, tweet(r"a\u0000b"), {200, 422}),
    "NUL, raw": (PREDICT, JSON, tweet("a\0b"), {400}),
    "a huge number": (PREDICT, JSON, b'{"tweets": ' + b"9" * 500_000 + b"}", {400, 422}),
    "no number": (PREDICT, JSON, b'{"tweets": [{"text": "a", "photos_count": NaN}]}', {400, 422}),
    "many tweets": (PREDICT, JSON, b'{"tweets": [' + b"{}," * 300_000 + b"{}]}", {422}),
    "many keys": (PREDICT, JSON, json.dumps({str(key): 0 for key in range(80_000)}).encode(), {422}),
    "one key often": (PREDICT, JSON, b"{" + b'"tweets":[],' * 80_000 + b'"tweets":[]}', {422}),
    "10,000 form fields": ("/", FORM, "&".join(f"f{i}=1" for i in range(10_000)).encode(), {400, 413, 422}),
    "10,000 parts": (
        "/",
        {"Content-Type": "multipart/form-data; boundary=x"},
        b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % i for i in range(10_000))
        + b"--x--\r\n",
        {400, 413, 422},
    ),
    "parts without an end": (
        "/",
        {"Content-Type": "multipart/form-data; boundary=x"},
        b"--x\r\n" + b"a" * 500_000,
        {400, 422},
    ),
    "a form that is not UTF-8": ("/", FORM, b"text=%ff%fe%00&photos_count=%ff", {400, 422}),
    "10 MB of JSON": (PREDICT, JSON, b" " * 10 * MIB, {413}),
    "10 MB of form": ("/", FORM, b"text=" + b"x" * 10 * MIB, {413}),
}


def is_refusal(reply: Any, statuses: set[int]) -> None:
    assert reply.status_code in statuses
    if reply.request.url.path != "/" and reply.status_code != 200:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["status"] == reply.status_code


def test_none_of_it_stays_in_memory(gateway: GatewayProcess) -> None:
    """The first of all, before the others have made the process as large as it gets."""
    process = psutil.Process(gateway.process.pid)
    large = {"tweets": [{"text": "an honest call " * 20}] * 256, "explain": True}
    gateway.http.post(PREDICT, json=large).raise_for_status()
    before = most = process.memory_info().rss

    for _ in range(3):
        for path, headers, body, statuses in BODIES.values():
            is_refusal(gateway.http.post(path, content=body, headers=headers), statuses)
        endless_body = gateway.http.post(PREDICT, content=endless(b" " * 65_536, 40 * MIB), headers=JSON)
        is_refusal(endless_body, {413})
        most = max(most, process.memory_info().rss)

    assert most - before < 50 * MIB
    assert gateway.http.post(PREDICT, json={"tweets": [{"text": "still here"}]}).status_code == 200


@pytest.mark.parametrize("name", BODIES)
def test_a_strange_body_is_refused(gateway: GatewayProcess, name: str) -> None:
    path, headers, body, statuses = BODIES[name]

    is_refusal(gateway.http.post(path, content=body, headers=headers), statuses)


@pytest.mark.parametrize(
    "path",
    [
        "/static/%00",
        "/static/" + "x" * 5_000,
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/%ff%fe",
        "/v1/models?limit=%00",
        "/v1/models?offset=" + "9" * 5_000,
        "/v1/batches?limit=%ff",
        "/v1/events?since=" + "9" * 4_400,
    ],
)
def test_a_strange_address_is_refused(gateway: GatewayProcess, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", path)
    reply = connection.getresponse()

    assert reply.status in {404, 422}
    assert reply.headers["content-type"] == "application/problem+json"
    connection.close()


@pytest.mark.parametrize("sent", [b"", b"abc", b"-1", b"1.5", b"\xff", b"9" * 5_000, b"7"])
def test_a_stream_takes_or_refuses_whatever_id_it_is_sent(gateway: GatewayProcess, sent: bytes) -> None:
    with gateway.http.stream("GET", "/v1/events", headers={b"Last-Event-ID": sent}) as reply:
        assert reply.status_code == (200 if sent == b"7" else 422)


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_a_time_at_an_end_of_the_calendar_is_a_time(gateway: GatewayProcess, at: str) -> None:
    tweet = {"text": "hi", "username": "ada", "created_at": at}

    assert gateway.http.post(PREDICT, json={"tweets": [tweet], "explain": True}).status_code == 200


def test_ten_megabytes_are_refused_before_they_are_sent(gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(head(10 * MIB))

        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("sent", [b"", b'{"tweets": ['])
def test_a_body_that_stops_is_refused_in_time(gateway: GatewayProcess, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        started = time.monotonic()
        connection.sendall(head(100) + sent)
        reply = b"".join(iter(lambda: connection.recv(65_536), b""))
        took_s = time.monotonic() - started

    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in reply
    assert BODY_TIMEOUT_S - 0.5 < took_s < BODY_TIMEOUT_S + 3


def test_a_body_that_drips_is_refused_in_time(gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=0.2) as connection:
        connection.sendall(head(1_000))
        reply = b""
        for _ in range(60):
            try:
                connection.sendall(b" ")
                reply = connection.recv(65_536)
                break
            except TimeoutError:
                continue

    assert reply.startswith(b"HTTP/1.1 408 ")


def test_a_stream_outlives_the_body_timeout(gateway: GatewayProcess) -> None:
    request = b"GET /v1/events HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(request)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        time.sleep(BODY_TIMEOUT_S + 0.5)

        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):  # a stream that was cut has an end
            b"".join(iter(lambda: connection.recv(65_536), b""))


def test_one_caller_cannot_hold_all_streams(gateway: GatewayProcess) -> None:
    request = b"GET /v1/events HTTP/1.1\r\nHost: gateway\r\n\r\n"
    with ExitStack() as opened:
        replies = []
        for _ in range(150):
            connection = opened.enter_context(
                socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
            )
            connection.sendall(request)
            replies.append(connection.recv(65_536))

    assert sum(reply.startswith(b"HTTP/1.1 200 ") for reply in replies) == 100
    refused = [reply.lower() for reply in replies if reply.startswith(b"HTTP/1.1 429 ")]
    assert len(refused) == 50
    assert all(b"application/problem+json" in reply and b"retry-after: 10" in reply for reply in refused)
    with gateway.http.stream("GET", "/v1/events", timeout=20) as reply:
        assert reply.status_code == 200  # for those that were closed count no more


def head(length: int) -> bytes:
    return (
        f"POST {PREDICT} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()
