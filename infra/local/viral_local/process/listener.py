"""Keep the pids in stack.json true; supervisord runs `python -m viral_local.process.listener STACK_FILE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from supervisor.childutils import getRPCInterface, listener

from viral_local.process.stack_file import update_pids


def main() -> None:
    """Ask for all pids at each change of a process' state, so that a missed event does no harm."""
    stack_file = Path(sys.argv[1])
    supervisor = getRPCInterface(os.environ).supervisor
    while True:
        listener.wait()
        processes = {
            info["name"]: info for info in supervisor.getAllProcessInfo() if info["group"] != "listener"
        }
        update_pids(stack_file, processes, os.getppid())
        listener.ok()


if __name__ == "__main__":
    main()
