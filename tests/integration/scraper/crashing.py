"""`viral-scraper once`, killed at its first commit: just before it or just after."""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import event
from sqlalchemy.orm import Session
from viral_scraper.cli import app


def die(session: Session) -> None:
    """As the kernel would: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    event.listen(Session, sys.argv.pop(1), die)
    app(["once"])
