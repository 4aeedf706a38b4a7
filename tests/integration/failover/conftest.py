"""Tests that take minutes and a machine to themselves: `make failover`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Hosts

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("VIRAL_TEST_FAILOVER") != "1":
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="takes minutes: `make failover`"))


@contextmanager
def known_by_name(hosts: Hosts) -> Iterator[None]:
    """Let this process, too, find the hosts by the names that their certificates have."""
    resolve, known = socket.getaddrinfo, {host.name: host.address for host in hosts}

    def resolve_ours(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve(known.get(host, host), *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve_ours)
        yield
