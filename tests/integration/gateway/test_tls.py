"""The gateway under TLS keeps its bounds, and takes a new certificate up while callers are connected."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from viral_common.errors import UsageError
from viral_gateway.middleware import http_protocol, tls
from viral_gateway.middleware.security_headers import SecurityHeaders
from viral_gateway.middleware.tls import CertificateFiles, make_server_options
from viral_local.certificates import find_authority, make_certificates, renew_certificates

from tests.integration.gateway.test_http_protocol import HEAD, connect, echo_client, serve

REQUEST = HEAD + b"Connection: close\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_certificates(tmp_path / "certs", [])
    return tmp_path / "certs"


@pytest.fixture
def files(folder: Path) -> CertificateFiles:
    return CertificateFiles(folder / "gateway" / "tls.crt", folder / "gateway" / "tls.key")


@pytest.fixture(params=["asyncio", "uvloop"])
def port(request: pytest.FixtureRequest, files: CertificateFiles) -> Iterator[int]:
    with serve(files=files, loop=request.param, app=SecurityHeaders(echo_client)) as port:
        yield port


def shake_hands(folder: Path, connection: socket.socket, name: str = "localhost") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(find_authority(folder)))
    return context.wrap_socket(connection, server_hostname=name)


def read_serial(connection: ssl.SSLSocket) -> str:
    certificate = connection.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(partial(connection.recv, 65536), b""))


def test_a_request_is_answered_and_the_caller_is_told_to_stay_with_tls(folder: Path, port: int) -> None:
    context = ssl.create_default_context(cafile=str(find_authority(folder)))

    with httpx.Client(verify=context) as client:
        replies = [client.post(f"https://127.0.0.1:{port}/", content=b"x" * size) for size in (3, 1_000_000)]

    assert [reply.text for reply in replies] == ["127.0.0.1 3", "127.0.0.1 1000000"]
    assert all(reply.headers["strict-transport-security"] == "max-age=31536000" for reply in replies)


def test_a_plain_reply_says_nothing_of_tls() -> None:
    with serve(app=SecurityHeaders(echo_client)) as port:
        assert "strict-transport-security" not in httpx.get(f"http://127.0.0.1:{port}/").headers


def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(folder: Path, port: int) -> None:
    context = ssl.create_default_context(cafile=str(find_authority(folder)))
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(received, sent, server_hostname="localhost")
    with connect(port) as connection:
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        connection.sendall(sent.read())
        while True:
            received.write(connection.recv(65536))
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
        client.write(REQUEST)

        connection.sendall(sent.read())  # the last of the handshake and the request in one piece
        reply = b""
        while not reply.endswith(b"127.0.0.1 0"):
            received.write(connection.recv(65536))
            with suppress(ssl.SSLWantReadError):
                while piece := client.read(65536):
                    reply += piece
    assert reply.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "half a greeting"])
def test_a_handshake_that_does_not_come_is_not_waited_for(
    folder: Path, port: int, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(tls, "HEAD_S", 0.3)
    started = time.monotonic()

    with connect(port) as connection:
        connection.sendall(sent)
        with suppress(ConnectionResetError):
            assert read_all(connection) == b""

    assert time.monotonic() - started < 3
    assert not http_protocol.CONNECTIONS.count_open()


def test_half_a_head_is_not_waited_for(folder: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.3)
    with shake_hands(folder, connect(port)) as connection:
        connection.sendall(HEAD)
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_half_open_handshakes_of_one_caller_are_limited(
    folder: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "PER_CALLER", 20)
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(port)) for _ in range(20)]
        time.sleep(0.2)
        with pytest.raises((ConnectionError, ssl.SSLEOFError)):
            shake_hands(folder, stack.enter_context(connect(port)))
        opened[0].close()
        time.sleep(0.2)
        shake_hands(folder, stack.enter_context(connect(port)))


def test_a_plain_request_is_no_handshake_and_takes_no_place(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(REQUEST)
        with suppress(ConnectionResetError):
            assert b"HTTP" not in read_all(connection)
    time.sleep(0.1)
    assert not http_protocol.CONNECTIONS.count_open()


def test_a_new_certificate_is_taken_up_and_no_connection_is_lost(folder: Path, port: int) -> None:
    with shake_hands(folder, connect(port)) as before:
        renew_certificates(folder, ["gateway"])

        with shake_hands(folder, connect(port)) as after:
            assert read_serial(after) != read_serial(before)
        before.sendall(REQUEST)
        assert read_all(before).endswith(b"127.0.0.1 0")


def test_half_a_replacement_leaves_the_certificate_before(folder: Path, port: int) -> None:
    with shake_hands(folder, connect(port)) as connection:
        serial = read_serial(connection)
    certificate = folder / "gateway" / "tls.crt"
    before = certificate.read_text()
    renew_certificates(folder, ["gateway"])
    after = certificate.read_text()

    certificate.write_text(before)
    with shake_hands(folder, connect(port)) as connection:
        assert read_serial(connection) == serial

    certificate.write_text(after)
    with shake_hands(folder, connect(port)) as connection:
        assert read_serial(connection) != serial


@pytest.mark.parametrize("damage", ["missing", "of another", "encrypted", "no certificate"])
def test_files_that_cannot_serve_are_refused_at_once(folder: Path, damage: str) -> None:
    certificate, key = folder / "gateway" / "tls.crt", folder / "gateway" / "tls.key"
    match damage:
        case "missing":
            key.unlink()
        case "of another":
            key.write_bytes((folder / "mlflow" / "tls.key").read_bytes())
        case "encrypted":
            plain = load_pem_private_key(key.read_bytes(), None)
            locked = BestAvailableEncryption(b"secret")
            key.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        case "no certificate":
            certificate.write_text("none")

    with pytest.raises(UsageError, match="VIRAL_TLS_CERT_FILE, VIRAL_TLS_KEY_FILE"):
        make_server_options("", CertificateFiles(certificate, key))


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_may_read_is_refused(files: CertificateFiles, mode: int) -> None:
    files.key.chmod(mode)

    with pytest.raises(UsageError, match=r"VIRAL_TLS_KEY_FILE: others may read .*tls\.key: chmod 600"):
        make_server_options("", files)
