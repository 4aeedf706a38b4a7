"""Bound what a server may do to whoever asks it: the size, duration and redirects of each reply, and the pages."""

from __future__ import annotations

import io
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from viral_scraper.sources.base import REPLY_S

MOST_BYTES = 8 * 1024 * 1024  # of a reply, unpacked; a page of 100 posts takes under half a million
# Of a reply: in memory each may take a hundred times its bytes, and Mastodon.py a tenth of a millisecond; a page has
# some ten thousand.
MOST_VALUES = 60_000
SILENCE_S = 30.0  # between two packets
MOST_REDIRECTS = 3

_calling = threading.local()


class ReplyRefused(requests.RequestException):
    """Say which limit a reply is beyond."""


class BoundedSession(requests.Session):
    """Ask as `requests` does, within the limits; credentials stay with the host that they are for."""

    def __init__(self, adapter: BoundedAdapter | None = None) -> None:
        super().__init__()
        self.max_redirects = MOST_REDIRECTS
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter or BoundedAdapter())

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Get where a reply leads. Raises ReplyRefused for another scheme, host or port."""
        target = super().get_redirect_target(resp)
        if target and _get_origin(urljoin(resp.url, target)) != _get_origin(resp.url):
            raise ReplyRefused("it redirects to another host, which is not asked")
        return target


class BoundedAdapter(HTTPAdapter):
    """Read each reply whole before anybody else does, within the limits."""

    def __init__(self, reply_s: float = REPLY_S) -> None:
        super().__init__()
        self._reply_s = reply_s
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send it and read the reply. Raises ReplyRefused for one beyond the limits."""
        call = _calling.now = _Call()
        timer = threading.Timer(self._reply_s, call.cut)
        timer.daemon = True
        timer.start()
        try:
            response = super().send(request, **{**options, "stream": True, "timeout": SILENCE_S})
            with response.raw:
                body = _read_body(response)
            if call.is_cut:  # and what looks like the end of the reply is ours
                raise ReplyRefused
        except Exception as error:
            if call.is_cut:
                raise ReplyRefused(f"no whole reply within {self._reply_s:.0f} s") from error
            raise
        finally:
            timer.cancel()
        response.raw = io.BytesIO(body)
        return response


def _read_body(response: requests.Response) -> bytes:
    body = bytearray()
    try:
        for block in response.raw.stream(1 << 16, decode_content=True):
            body += block
            if len(body) > MOST_BYTES:
                raise ReplyRefused(f"a reply longer than {MOST_BYTES >> 20} MiB")
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    if sum(map(body.count, b"{[,")) > MOST_VALUES:
        raise ReplyRefused(f"a reply of more than {MOST_VALUES:,} values")
    return bytes(body)


def _get_origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


@dataclass
class _Call:
    """Hold the socket that a call waits at, so that another thread can end it."""

    waits_at: socket.socket | None = None
    is_cut: bool = False

    def cut(self) -> None:
        self.is_cut = True
        with suppress(OSError, TypeError):  # gone already, or no socket but something around one
            socket.socket.shutdown(self.waits_at, socket.SHUT_RDWR)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        _calling.now.waits_at = self.sock
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _calling.now.waits_at = self.sock
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
