"""Ask a server's REST API as its administrator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from viral_common.addresses import split_account

from viral_local.errors import StackError
from viral_local.http_client import open_http


@dataclass(frozen=True)
class Api:
    """Ask and change what the server has. Each call raises StackError for an answer that refuses."""

    client: httpx.Client
    server: str

    def find(self, path: str, **params: str) -> dict[str, Any]:
        """Find what is there; empty if nothing is."""
        reply = self.client.get(path, params=params)
        return {} if reply.status_code == httpx.codes.NOT_FOUND else self._read(reply)

    def send(self, method: str, path: str, document: Mapping[str, Any]) -> None:
        """Send a document."""
        self._read(self.client.request(method, path, json=document))

    def _read(self, reply: httpx.Response) -> dict[str, Any]:
        if reply.is_error:
            said = " ".join(reply.text.split())[:200]
            raise StackError(f"{self.server} answers {reply.status_code} to {reply.url.path}: {said}")
        document: dict[str, Any] = reply.json() if reply.content else {}
        return document


@contextmanager
def open_api(url: str, server: str) -> Iterator[Api]:
    """Open connections to the server as whom its address names. Raises StackError if it does not answer."""
    try:
        with open_http(url) as client:
            yield Api(client, server)
    except httpx.TransportError as error:
        raise StackError(f"{server} does not answer at {split_account(url)[0]} ({error})") from error
