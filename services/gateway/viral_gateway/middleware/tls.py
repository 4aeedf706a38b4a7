"""Take TLS handshakes within bounds of time and company, always with the certificate that the file holds now."""

from __future__ import annotations

import asyncio
import ssl
import stat
from asyncio.sslproto import SSLProtocol
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from viral_common.errors import UsageError, summarise_error

from viral_gateway.middleware.http_protocol import HEAD_S, BoundedProtocol
from viral_gateway.settings import GatewaySettings

log = structlog.get_logger()


class CertificateFiles(NamedTuple):
    """Name the chain, and the key that fits it; both in PEM."""

    certificate: Path
    key: Path

    def load(self) -> ssl.SSLContext:
        """Read both. Raises OSError or ssl.SSLError, also where they do not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Without a password, for OpenSSL would ask the terminal for one.
        context.load_cert_chain(self.certificate, self.key, password=str)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def read_state(self) -> list[tuple[int, int]]:
        """Read what changes with the files. Raises OSError."""
        return [(found.st_mtime_ns, found.st_ino) for found in (path.stat() for path in self)]


class ServerCertificate:
    """Hold what handshakes are made with."""

    def __init__(self, files: CertificateFiles) -> None:
        self._files = files
        self._state, self._context = files.read_state(), files.load()

    def find_context(self) -> ssl.SSLContext:
        """Find the newest that can be read: files that were replaced serve from the next handshake on."""
        try:
            state = self._files.read_state()
            if state != self._state:
                self._state = state  # once: half a replacement is followed by the other half
                self._context = self._files.load()
                log.info("certificate taken up", file=str(self._files.certificate))
        except OSError as error:
            log.warning("certificate not taken up; the one before serves", reason=summarise_error(error))
        return self._context


# One for all connections of a worker.
_read_certificate = cache(ServerCertificate)


class TlsProtocol(SSLProtocol):
    """Count a caller before its handshake, bound the handshake, then pass on to the protocol of requests.

    Given a context, a server of asyncio's or uvloop's does the same, but waits a minute and asks nobody before it.
    """

    def __init__(self, files: CertificateFiles, **parts: Any) -> None:
        self._http = BoundedProtocol(**parts)
        context = _read_certificate(files).find_context()
        super().__init__(
            self._http.loop,
            self._http,
            context,
            None,  # type: ignore[arg-type]  # nobody waits for it
            server_side=True,
            ssl_handshake_timeout=HEAD_S,  # type: ignore[arg-type]
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if self._http.admit(transport):
            super().connection_made(transport)
        else:
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._http.release()


def find_certificate(settings: GatewaySettings) -> CertificateFiles | None:
    """Find the files that the settings name, if they do."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return CertificateFiles(settings.tls_cert_file, settings.tls_key_file)


def make_server_options(trusted_proxies: str, files: CertificateFiles | None = None) -> dict[str, Any]:
    """Make uvicorn's options: these bounds, whose `X-Forwarded-For` is believed, and TLS if there are files for it.

    Raises UsageError for files that cannot serve.
    """
    if files:
        try:
            _read_certificate(files)
        except OSError as error:
            reason = f"{files.certificate} and {files.key} are no certificate and its key"
            raise UsageError(f"VIRAL_TLS_CERT_FILE, VIRAL_TLS_KEY_FILE: {reason} ({error})") from error
        if files.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"VIRAL_TLS_KEY_FILE: others may read {files.key}: chmod 600 {files.key}")
    return {
        "http": partial(TlsProtocol, files) if files else BoundedProtocol,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": trusted_proxies or None,
    }
