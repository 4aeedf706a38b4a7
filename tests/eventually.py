"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")


def eventually(
    condition: Callable[[], T | Literal[False] | None], within_s: float = 30, every_s: float = 0.05
) -> T:
    """What the condition says as soon as that counts as true; fails with what it last said."""
    deadline = time.monotonic() + within_s
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s; last seen: {seen!r}"
        time.sleep(every_s)
    return seen
