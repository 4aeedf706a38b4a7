"""The stack as one thing: up and down, from whatever state it is in."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from viral_common.errors import UsageError

from viral_local.home import Home
from viral_local.private_files import locked, read_json, write_private
from viral_local.process.orphans import Survivor, find_survivors, stop_survivors
from viral_local.process.program import Program, environment_of, write_program
from viral_local.process.stack_file import pids_of, write_stack
from viral_local.process.supervisor import Supervisor, configuration, start_supervisor
from viral_local.servers import postgres
from viral_local.settings import LocalSettings
from viral_local.stack.plan import Plan
from viral_local.stack.plan_store import foreign_servers, kept_choices, new_plan, running_plan, save_plan
from viral_local.stack.start import Start, Step

SERVICE_DIRS = ("scraper", "trainer", "evaluator", "gateway")


def _unseen(_: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Stack:
    """`only_servers`: without the four services, for tests. `any_ports`: whatever the kernel has free."""

    settings: LocalSettings
    step: Step = field(default=_unseen)
    only_servers: bool = False
    any_ports: bool = False

    @cached_property
    def home(self) -> Home:
        return Home(self.settings.data_dir.absolute())

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.home)

    @property
    def document(self) -> dict[str, Any] | None:
        """stack.json, or None if the stack is not up."""
        return read_json(self.home.stack_file)

    @property
    def is_running(self) -> bool:
        return bool(self.home.stack_id) and self.supervisor.pid() is not None

    def plan(self) -> Plan:
        """Of the running stack. Raises UsageError if there is none."""
        if not self.is_running:
            raise UsageError(self._why_not_running())
        return running_plan(self.home)

    def _why_not_running(self) -> str:
        """A supervisor that was killed leaves behind what it started: alive, but nobody starts it again."""
        left = sorted({survivor.program for survivor in self._survivors()} - {""})
        if not left:
            return "the stack is not running: start it with `make up` or `viral up`"
        return (
            f"the stack's supervisor has died; still running, but not watched: {', '.join(left)}. "
            "`viral up` starts all of it afresh, `viral down` stops it"
        )

    def up(self, choices: Mapping[str, str] | None = None) -> Plan:
        """Start what is missing. `choices` are settings for the scraper; None: those it has or last had."""
        self.home.make()
        with locked(self.home.lock_file):
            if self.supervisor.pid() is None or self._begun_otherwise():
                stop_survivors(self._survivors())
                plan = self._start_afresh(choices)
            else:
                plan = self._renewed(running_plan(self.home), choices)
            start = Start(plan, self.supervisor, self.step)
            start.servers(migrations=not self.only_servers)
            if not self.only_servers:
                start.services(plan.services())
            self._write_addresses(plan)
            if not self.only_servers:
                start.await_services()
        return plan

    def choose_again(self, choices: Mapping[str, str] | None) -> None:
        """Go back to former choices; None: there were none, so only the next start is to know nothing of these."""
        with locked(self.home.lock_file):
            plan = running_plan(self.home)
            if choices is None:
                save_plan(replace(plan, choices={}))
            else:
                self._renewed(plan, choices)

    def down(self, purge: bool = False) -> int:
        """Stop all processes of this stack, however they were left; returns how many there were."""
        if not self.home.root.is_dir():
            return self._stop_all()
        with locked(self.home.lock_file):
            stopped = self._stop_all(gently=not (purge and self.only_servers))
            self._forget_addresses()
            # Without an id no stack was made here, and nothing here is its data.
            if purge and self.home.stack_id:
                self._delete_data()
        return stopped

    def _stop_all(self, gently: bool = True) -> int:
        stopped = 0
        while survivors := self._survivors():  # a second look: something may have been starting
            stop_survivors(survivors, gently)
            stopped += len(survivors)
        return stopped

    def _survivors(self) -> list[Survivor]:
        return find_survivors(self.home.stack_id, self.home.root, postgres.postmaster_file(self.home))

    def _begun_otherwise(self) -> bool:
        """A start that was cut off or failed, and since then other servers were given."""
        if self.document is not None:
            return False
        begun = running_plan(self.home)
        return begun.given != foreign_servers(self.settings, begun)

    def _start_afresh(self, choices: Mapping[str, str] | None) -> Plan:
        self._forget_addresses()
        plan = new_plan(self.home, self.settings, choices, self.any_ports)
        programs = self._programs(plan)
        for program in programs:
            write_program(self.home, program)
        write_private(self.home.supervisor_conf, configuration(self.home, programs))
        start_supervisor(self.home)
        return plan

    def _renewed(self, plan: Plan, choices: Mapping[str, str] | None) -> Plan:
        """Restart the services that are told something else than before. What is not mentioned now stays as it was."""
        chosen = kept_choices(plan.choices, self.settings) if choices is None else dict(choices)
        changed = replace(plan, choices=chosen)
        save_plan(changed)
        for program in [] if self.only_servers else changed.services():
            before = environment_of(self.home, program.name)
            if program.name == "scraper":
                before = {name: value for name, value in before.items() if name not in plan.choices}
            if write_program(self.home, replace(program, env=before | program.env)):
                self.supervisor.restart(program.full_name)
        return changed

    def _programs(self, plan: Plan) -> list[Program]:
        return [*plan.servers(), *([] if self.only_servers else plan.services())]

    def _write_addresses(self, plan: Plan) -> None:
        addresses = {
            "gateway_url": plan.gateway_url,
            "mlflow_url": plan.mlflow_url,
            "rabbitmq_url": plan.rabbitmq_url,
            "rabbitmq_console_url": plan.console_url,
            "database_url": plan.database_url,
            "log_dir": str(self.home.log_dir),
        }
        pids = pids_of(self.supervisor.states(), self.supervisor.pid() or 0)
        write_stack(self.home.stack_file, {**addresses, "pids": pids})
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in plan.service_settings().items()]
        write_private(self.home.env_file, "".join(lines))

    def _forget_addresses(self) -> None:
        for path in (
            self.home.stack_file,
            self.home.env_file,
            self.home.socket,
            self.home.root / "supervisor.pid",
        ):
            path.unlink(missing_ok=True)
        if self.home.socket.parent not in (self.home.root, *self.home.root.parents):
            shutil.rmtree(self.home.socket.parent, ignore_errors=True)

    def _delete_data(self) -> None:
        """Only what the stack made: VIRAL_DATA_DIR may hold other files."""
        shutil.rmtree(self.home.owner.data_dir, ignore_errors=True)
        for folder in (self.home.log_dir, self.home.programs_dir, self.home.mlflow_dir):
            shutil.rmtree(folder, ignore_errors=True)
        for name in SERVICE_DIRS:
            shutil.rmtree(self.home.root / name, ignore_errors=True)
        for name in ("stack-id", "passwords.json", "plan.json", "supervisord.conf", "stack.lock", "lock"):
            (self.home.root / name).unlink(missing_ok=True)
        if not any(self.home.root.iterdir()):
            self.home.root.rmdir()
