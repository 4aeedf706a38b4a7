"""Configure and start supervisord, and ask it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import SupervisorTransport
from viral_common.errors import UsageError

from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.process.program import Program, locate_program_file

# The later a group starts the earlier it stops.
GROUPS = ("base", "servers", "services")
# A program that ends earlier than this failed to start: the next try waits a second longer than the one before.
START_S = 3
UNREACHABLE = (OSError, HTTPException, ProtocolError)


def render_configuration(home: Home, programs: Iterable[Program]) -> str:
    """Render supervisord.conf. `autostart` is off: `up` starts each program once what it needs is there."""
    known = list(programs)
    sections: list[dict[str, object]] = [
        {"": "unix_http_server", "file": home.socket, "chmod": "0600"},
        {
            "": "supervisord",
            "logfile": home.log_dir / "supervisor.log",
            "logfile_maxbytes": "5MB",
            "logfile_backups": "1",
            "pidfile": home.root / "supervisor.pid",
            "childlogdir": home.log_dir,
            "identifier": home.stack_id,
            "umask": "077",
            **({"user": "root"} if os.geteuid() == 0 else {}),
        },
        {
            "": "rpcinterface:supervisor",
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
        *(_make_group(name, rank, known) for rank, name in enumerate(GROUPS)),
        *(_make_program(home, program) for program in known),
        {
            "": "eventlistener:listener",
            "command": _format_module_command("listener", str(home.stack_file)),
            "events": "PROCESS_STATE",
            "buffer_size": "100",
            "priority": "1",
            "startretries": "1000000",
            "stderr_logfile": home.log_dir / "listener.log",
        },
    ]
    return "\n".join(_render_section(section) for section in sections if section)


def start_supervisor(home: Home) -> None:
    """Start supervisord in the background; returns once it answers."""
    marks = {"VIRAL_STACK": home.stack_id, "VIRAL_STACK_HOME": str(home.root)}
    done = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(home.supervisor_conf)],
        env={**os.environ, **marks},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(
            f"the supervisor does not start: {(done.stderr or done.stdout).strip().splitlines()[0]}"
        )


class Supervisor:
    """Send questions and orders over the private socket."""

    def __init__(self, home: Home) -> None:
        transport = SupervisorTransport(None, None, f"unix://{home.socket}")
        self._rpc: Any = ServerProxy("http://supervisor", transport).supervisor

    def find_pid(self) -> int | None:
        """Ask for supervisord's own; None if it is not running."""
        try:
            return int(self._rpc.getPID())
        except (*UNREACHABLE, Fault):
            return None

    def read_states(self) -> dict[str, dict[str, Any]]:
        """Ask for all, by program: statename, pid (0 if it has none), start and now (seconds since 1970), spawnerr."""
        try:
            return {
                info["name"]: info for info in self._rpc.getAllProcessInfo() if info["group"] != "listener"
            }
        except UNREACHABLE:
            return {}

    def shut_down(self) -> None:
        """Tell it to stop everything in order and then itself; does not wait."""
        with contextlib.suppress(*UNREACHABLE, Fault):
            self._rpc.shutdown()

    def start(self, program: str) -> None:
        """Start unless it runs or is about to."""
        try:
            self._rpc.startProcess(program, False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise StackError(f"{program} does not start: {fault.faultString}") from fault

    def restart(self, program: str) -> None:
        """Stop and start again, so that it reads its program file anew."""
        try:
            self._rpc.stopProcess(program, True)
        except Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise StackError(f"{program} does not stop: {fault.faultString}") from fault
        self.start(program)


def _make_group(name: str, rank: int, programs: list[Program]) -> dict[str, object]:
    members = [program.name for program in programs if program.group == name]
    return {"": f"group:{name}", "programs": ",".join(members), "priority": 100 + rank} if members else {}


def _make_program(home: Home, program: Program) -> dict[str, object]:
    return {
        "": f"program:{program.name}",
        "command": _format_module_command("launch", str(locate_program_file(home, program.name))),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": START_S,
        "startretries": "1000000",
        "stopsignal": program.stop_signal,
        "stopwaitsecs": program.stop_wait_s,
        "redirect_stderr": "true",
        "stdout_logfile": home.log_dir / f"{program.name}.log",
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "2",
    }


def _format_module_command(name: str, argument: str) -> str:
    return shlex.join([sys.executable, "-m", f"viral_local.process.{name}", argument])


def _render_section(section: dict[str, object]) -> str:
    """Render a section; the key "" is its name. supervisord expands `%`, so it is doubled.

    Raises UsageError for a path that it would cut: what follows ` #` or ` ;` is a comment to it, and nothing escapes
    these.
    """
    if cut := next(
        (str(value) for value in section.values() if re.search(r"\s[#;]|[\r\n]", str(value))), None
    ):
        raise UsageError(f"a path must not hold ` #`, ` ;` or a line break, rename the folder: {cut!r}")
    lines = (f"{key}={value}".replace("%", "%%") for key, value in section.items() if key)
    return "\n".join([f"[{section['']}]", *lines, ""])
