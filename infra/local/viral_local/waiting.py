"""Wait for something to get ready, with a timeout and a reason."""

from __future__ import annotations

import time
from collections.abc import Callable

from viral_local.errors import StackError

POLL_S = 0.2


def wait_for(what: str, find_outage: Callable[[], str | None], timeout_s: float, log: str) -> None:
    """Poll until `find_outage()` is None. Raises StackError with its last words and where to read on."""
    deadline = time.monotonic() + timeout_s
    while (outage := find_outage()) is not None:
        if time.monotonic() > deadline:
            raise StackError(f"{what} is not ready after {timeout_s:.0f} s: {outage} (see {log})")
        time.sleep(POLL_S)
