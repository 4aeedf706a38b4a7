"""Become the program that FILE describes: `python -m viral_local.process.launch FILE`.

The supervisor's own configuration can neither hold every character in an environment nor hide a password from readers
of the file, so each program's command, environment and user are in a private file, and this process turns into it:
the pid that the supervisor watches is the pid of the server itself.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
from pathlib import Path


def main() -> None:
    """Take on user, niceness, folder and environment, then exec."""
    program = json.loads(Path(sys.argv[1]).read_text())
    env = {**_select_inherited(program["inherit_env"]), **program["env"], "VIRAL_PROGRAM": program["name"]}
    if program["user"]:
        entry = pwd.getpwnam(program["user"])
        os.setgroups([entry.pw_gid])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    os.nice(program["niceness"])
    os.chdir(program["cwd"])
    os.execvpe(program["command"][0], program["command"], env)  # noqa: S606  (no shell is the point)


def _select_inherited(everything: bool) -> dict[str, str]:
    """Select the marks by which `down` knows its own; with `everything` also the person's environment but VIRAL_*."""
    marks = ("VIRAL_STACK", "VIRAL_STACK_HOME")
    return {
        name: value
        for name, value in os.environ.items()
        if name in marks or (everything and not name.startswith(("VIRAL_", "SUPERVISOR_")))
    }


if __name__ == "__main__":
    main()
