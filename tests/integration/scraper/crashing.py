"""`viral-scraper once`, in small steps; killed at its first commit, just before it or just after, if so asked."""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import event
from sqlalchemy.orm import Session
from viral_scraper import collect
from viral_scraper.cli import app

# So that a small archive is stored in several steps.
STORE_AT_ONCE = 1_500


def die(session: Session) -> None:
    """As the kernel would: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    collect.STORE_AT_ONCE = STORE_AT_ONCE
    if len(sys.argv) > 1:
        event.listen(Session, sys.argv.pop(1), die)
    app(["once"])
