"""Start and stop the stack as one thing, from whatever state it is in."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from pydantic import SecretStr
from viral_common.addresses import fill_account
from viral_common.encryption import fill_authority
from viral_common.errors import UsageError

from viral_local.home import Home
from viral_local.prepare.secret_files import SecretFiles
from viral_local.private_files import lock_file, read_json, write_private
from viral_local.process.orphans import Orphan, find_orphans, stop_orphans
from viral_local.process.program import Program, read_environment, write_program
from viral_local.process.stack_file import select_pids, write_stack
from viral_local.process.supervisor import Supervisor, render_configuration, start_supervisor
from viral_local.servers import postgres
from viral_local.settings import LocalSettings
from viral_local.signing_keys import SIGNERS_FILE
from viral_local.stack.plan import Plan
from viral_local.stack.plan_store import find_given_servers, keep_choices, load_plan, make_plan, save_plan
from viral_local.stack.start import Start, Step

SERVICE_DIRS = ("scraper", "trainer", "evaluator", "gateway")


def _show_nothing(_: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Stack:
    """Start, inspect and stop one stack.

    `only_servers`: without the four services. `any_ports`, for tests: those the kernel has free, and no tables.
    """

    settings: LocalSettings
    step: Step = field(default=_show_nothing)
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
        return bool(self.home.stack_id) and self.supervisor.find_pid() is not None

    def plan(self) -> Plan:
        """Load the running stack's. Raises UsageError if there is none."""
        if not self.is_running:
            raise UsageError(self._explain_not_running())
        return load_plan(self.home)

    def find_operators_url(self, server: Literal["database", "rabbitmq"]) -> str:
        """Find a given server's address as the operator, whose password may be in a file, else the running stack's."""
        given: SecretStr | None = getattr(self.settings, f"{server}_url")
        if given is None:
            return self.plan().database_url if server == "database" else self.plan().rabbitmq_url
        url = fill_authority(given.get_secret_value(), self.settings.ca_file)
        if self.settings.secrets_dir is None:
            return url
        password = SecretFiles(self.settings.secrets_dir).read("operator", f"viral_{server}_password")
        return fill_account(url, "operator", password)

    def _explain_not_running(self) -> str:
        """Say why. A supervisor that was killed leaves behind what it started: alive, but nobody starts it again."""
        left = sorted({orphan.program for orphan in self._find_orphans()} - {""})
        if not left:
            return "the stack is not running: start it with `make up` or `viral up`"
        return (
            f"the stack's supervisor has died; still running, but not watched: {', '.join(left)}. "
            "`viral up` starts all of it afresh, `viral down` stops it"
        )

    def up(self, choices: Mapping[str, str] | None = None) -> Plan:
        """Start what is missing. `choices` are settings for the scraper; None: those it has or last had."""
        self.home.make()
        with lock_file(self.home.lock_file):
            if self.home.unfinished_file.exists():
                raise UsageError(f"`{self.home.unfinished_file.read_text()}` was cut off: repeat it")
            running = self.supervisor.find_pid() is not None
            is_up = running and self.document is not None
            if running:
                self._check_kind(load_plan(self.home))
            if is_up and self.settings.tls not in (None, self.home.has_tls):
                how = "with TLS" if self.home.has_tls else "without TLS"
                raise UsageError(f"the stack runs {how}: stop it first with `viral down`")
            if running and not self._is_given_other_servers():
                plan = self._renew_plan(load_plan(self.home), choices)
            else:
                stop_orphans(self._find_orphans())
                plan = self._start_afresh(choices, keep_given=is_up)
            start = Start(plan, self.supervisor, self.step)
            start.start_servers(migrations=not self.any_ports)
            if not self.only_servers:
                start.start_services(plan.make_services())
            self._write_addresses(plan)
            if not self.only_servers:
                start.await_services()
        return plan

    def choose_again(self, choices: Mapping[str, str] | None) -> None:
        """Go back to former choices; None: there were none, so only the next start is to know nothing of these."""
        with lock_file(self.home.lock_file):
            plan = load_plan(self.home)
            if choices is None:
                save_plan(replace(plan, choices={}))
            else:
                self._renew_plan(plan, choices)

    @contextmanager
    def hold(self, command: str) -> Iterator[None]:
        """Let nobody start it until `command` came to its end. Raises UsageError if it is running."""
        self.home.make()
        with lock_file(self.home.lock_file):
            repeated = self.home.unfinished_file.exists()
            if self.supervisor.find_pid() is not None and not repeated:
                raise UsageError("the stack is running: stop it first with `viral down`")
            self._stop_all()
            write_private(self.home.unfinished_file, command)
            try:
                yield
            except UsageError:  # refused, so nothing was begun
                if not repeated:
                    self.home.unfinished_file.unlink()
                raise
            self.home.unfinished_file.unlink()

    @contextmanager
    def run_postgres(self) -> Iterator[Plan]:
        """Run the private Postgres alone, within `hold`."""
        plan = self._start_afresh(None)
        start = Start(plan, self.supervisor, self.step)
        try:
            start.make_certificates()
            start.start_postgres()
            yield plan
        finally:
            self._stop_all()
            self._forget_addresses()

    def down(self, purge: bool = False) -> int:
        """Stop all processes of this stack, however they were left; returns how many there were."""
        if not self.home.root.is_dir():
            return self._stop_all()
        with lock_file(self.home.lock_file):
            stopped = self._stop_all(gently=not (purge and self.only_servers))
            self._forget_addresses()
            if self.home.socket.parent != self.home.root:
                shutil.rmtree(self.home.socket.parent, ignore_errors=True)
            # Without an id no stack was made here, and nothing here is its data.
            if purge and self.home.stack_id:
                self._delete_data()
        return stopped

    def _stop_all(self, gently: bool = True) -> int:
        stopped = 0
        while orphans := self._find_orphans():  # a second look: something may have been starting
            stop_orphans(orphans, gently)
            stopped += len(orphans)
        return stopped

    def _find_orphans(self) -> list[Orphan]:
        return find_orphans(self.home.stack_id, self.home.root, postgres.locate_postmaster_file(self.home))

    def _is_given_other_servers(self) -> bool:
        """Check for other servers than those it was started with; one that is up keeps what is not mentioned now."""
        begun = load_plan(self.home)
        return begun.given != find_given_servers(self.settings, begun, keep=self.document is not None)

    def _check_kind(self, running: Plan) -> None:
        """Raise UsageError if what runs here is of another kind, or listens elsewhere than is asked."""
        if running.only_servers != self.only_servers:
            kind = "only the servers run" if running.only_servers else "the whole stack runs"
            raise UsageError(f"here {kind}: stop it first with `viral down`")
        if self.only_servers and str(self.settings.bind_address or running.bind) != running.bind:
            raise UsageError(
                f"the servers listen on {running.bind}: stop them first with `viral servers stop`"
            )

    def _start_afresh(self, choices: Mapping[str, str] | None, keep_given: bool = False) -> Plan:
        self._forget_addresses()
        plan = make_plan(self.home, self.settings, choices, self.any_ports, keep_given, self.only_servers)
        programs = self._make_programs(plan)
        for program in programs:
            write_program(self.home, program)
        write_private(self.home.supervisor_conf, render_configuration(self.home, programs))
        start_supervisor(self.home)
        return plan

    def _renew_plan(self, plan: Plan, choices: Mapping[str, str] | None) -> Plan:
        """Restart the services whose settings changed. What is not mentioned now stays as it was."""
        chosen = keep_choices(plan.choices, self.settings) if choices is None else dict(choices)
        changed = replace(plan, choices=chosen)
        save_plan(changed)
        for program in [] if self.only_servers else changed.make_services():
            before = read_environment(self.home, program.name)
            if program.name == "scraper":
                before = {name: value for name, value in before.items() if name not in plan.choices}
            if write_program(self.home, replace(program, env=before | program.env)):
                self.supervisor.restart(program.full_name)
        return changed

    def _make_programs(self, plan: Plan) -> list[Program]:
        return [*plan.make_servers(), *([] if self.only_servers else plan.make_services())]

    def _write_addresses(self, plan: Plan) -> None:
        addresses = {
            "gateway_url": plan.gateway_url,
            "mlflow_url": plan.mlflow_login_url,
            "rabbitmq_url": plan.rabbitmq_url,
            "rabbitmq_console_url": plan.console_url,
            "database_url": plan.database_url,
            "log_dir": str(self.home.log_dir),
        }
        pids = select_pids(self.supervisor.read_states(), self.supervisor.find_pid() or 0)
        write_stack(self.home.stack_file, {**addresses, "pids": pids})
        settings = plan.make_service_settings()
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
        write_private(self.home.env_file, "".join(lines))

    def _forget_addresses(self) -> None:
        for path in (
            self.home.stack_file,
            self.home.env_file,
            self.home.socket,
            self.home.root / "supervisor.pid",
        ):
            path.unlink(missing_ok=True)

    def _delete_data(self) -> None:
        """Delete only what the stack made: VIRAL_DATA_DIR may hold other files."""
        shutil.rmtree(self.home.owner.data_dir, ignore_errors=True)
        for folder in (self.home.log_dir, self.home.programs_dir, self.home.secrets_dir, self.home.tls_dir):
            shutil.rmtree(folder, ignore_errors=True)
        for name in SERVICE_DIRS:
            shutil.rmtree(self.home.root / name, ignore_errors=True)
        for name in (
            "stack-id",
            "plan.json",
            SIGNERS_FILE,
            "supervisord.conf",
            "stack.lock",
            "lock",
            "unfinished",
        ):
            (self.home.root / name).unlink(missing_ok=True)
        if not any(self.home.root.iterdir()):
            self.home.root.rmdir()
