"""Run `viral-scraper once` in small steps, killed at its first commit, just before or after it, if so asked.

`python -m … STORE_AT_ONCE [BOUNDARY]`
"""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import event
from sqlalchemy.orm import Session
from viral_scraper.cli import app
from viral_scraper.collecting import collector


def kill_itself(session: Session) -> None:
    """Kill this process as the kernel would: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    collector.STORE_AT_ONCE = int(sys.argv.pop(1))
    if len(sys.argv) > 1:
        event.listen(Session, sys.argv.pop(1), kill_itself)
    app(["once"])
