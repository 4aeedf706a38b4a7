"""Start what a plan names, in the order in which the parts need each other; any step may be done already."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from viral_common.bus.operations import prepare_broker
from viral_common.database.engine import connect_to, make_schema, migrate

from viral_local.certificates import make_certificates
from viral_local.errors import StackError
from viral_local.ports import find_taken_port, is_answering
from viral_local.prepare.mlflow import prepare_mlflow
from viral_local.prepare.postgres import prepare_roles, prepare_tables
from viral_local.prepare.rabbitmq import prepare_rabbitmq
from viral_local.prepare.secret_files import DATABASE, MLFLOW, RABBITMQ
from viral_local.process.logs import find_last_error
from viral_local.process.program import Program
from viral_local.process.supervisor import Supervisor
from viral_local.servers import mlflow, postgres, rabbitmq, services
from viral_local.stack.plan import Plan
from viral_local.waiting import wait_for

Step = Callable[[str], AbstractContextManager[None]]
# Generous: a cold start on a small, busy machine.
TIMEOUT_S = 120
SCRAPER_TIMEOUT_S = 8
# Workers of a gateway that was killed answer until they have finished.
TAKEN_TIMEOUT_S = 15


@dataclass(frozen=True)
class Start:
    """Start a plan's programs; `step` shows a person what is being waited for."""

    plan: Plan
    supervisor: Supervisor
    step: Step

    def start_servers(self, migrations: bool = True) -> None:
        """Start the private servers; RabbitMQ takes longest to boot, so it goes first and is asked last."""
        self.make_certificates()
        if self.plan.own_rabbitmq:
            self._start_rabbitmq()
        self.start_postgres()
        if self.plan.own_mlflow:
            mlflow.configure(self.plan.home, self.plan.mlflow_database_url, self.plan.secrets)
            self._start("mlflow")
        if migrations:
            with self.step("tables"):
                self._prepare_tables()
        with self.step("RabbitMQ"):
            self._await_rabbitmq()
        with self.step("MLflow"):
            self._await_mlflow()

    def start_services(self, programs: list[Program]) -> None:
        """Start all of them at once."""
        for program in programs:
            self.supervisor.start(program.full_name)

    def await_services(self) -> None:
        """Wait until all live, then until they are ready. The gateway gets ready with the first model, not before."""
        for name in services.SERVICES:
            with self.step(name):
                self._wait(name, name, lambda name=name: self._find_liveness_outage(name))  # type: ignore[misc]
                if name != "gateway":
                    # A scraper that lives knows at once what is wrong with its source.
                    timeout_s = SCRAPER_TIMEOUT_S if name == "scraper" else TIMEOUT_S
                    self._wait(name, name, lambda name=name: self._find_readiness_outage(name), timeout_s)  # type: ignore[misc]

    def _find_liveness_outage(self, name: str) -> str | None:
        if services.ask_health(self.plan.format_health_url(name)).live:
            return None
        if self.supervisor.read_states().get(name, {}).get("statename") == "BACKOFF":
            raise StackError(f"{name} does not start: {find_last_error(self.plan.home, name)}")
        return "it does not answer"

    def _find_readiness_outage(self, name: str) -> str | None:
        health = services.ask_health(self.plan.format_health_url(name))
        return None if health.ready else "; ".join(health.missing) or "it does not answer"

    def make_certificates(self) -> None:
        """Make those that are missing or due; those of servers lie where whoever runs these can read them."""
        home = self.plan.home
        if not home.has_tls:
            return
        home.tls_dir.mkdir(mode=0o700, exist_ok=True)
        for server in ("postgres", "rabbitmq", "mlflow"):
            place, link = home.owner.make_dir(home.locate_tls_dir(server)), home.tls_dir / server
            if not link.is_symlink():
                link.symlink_to(place)
        if "postgres" in make_certificates(home.tls_dir, [self.plan.bind, *self.plan.names]):
            postgres.reload_configuration(home)

    def start_postgres(self) -> None:
        """Start the private one with its roles and databases, or look whether the given one answers."""
        with self.step("Postgres"):
            self._start_postgres()

    def _start_postgres(self) -> None:
        if self.plan.own_postgres:
            home, port, secrets = self.plan.home, self.plan.ports["postgres"], self.plan.secrets
            postgres.create_data_dir(home, secrets.read("postgres", DATABASE))
            self._start("postgres")
            self._wait("Postgres", "postgres", lambda: postgres.find_outage(home, port))
            prepare_roles(self.plan.admin_url, secrets)
            return
        # Raises if the given server does not answer.
        make_schema(connect_to(self.plan.database_url), "mlflow" if self.plan.own_mlflow else "public")

    def _prepare_tables(self) -> None:
        """Make tables, and the rights on those of a private server; a given one's are for `viral servers prepare`."""
        if self.plan.own_postgres:
            prepare_tables(self.plan.owner_url)
        else:
            migrate(connect_to(self.plan.database_url))

    def _start_rabbitmq(self) -> None:
        password = self.plan.secrets.read("operator", RABBITMQ)
        rabbitmq.configure(self.plan.home, self.plan.ports, password, self.plan.addresses)
        self._start("epmd")
        self._wait("epmd", "epmd", lambda: None if is_answering(self.plan.ports["epmd"]) else "not listening")
        self._start("rabbitmq")

    def _await_rabbitmq(self) -> None:
        if self.plan.own_rabbitmq:
            console = self.plan.console_login_url
            self._wait("RabbitMQ", "rabbitmq", lambda: rabbitmq.find_outage(console))
            prepare_rabbitmq(console, self.plan.rabbitmq_url, self.plan.secrets)
            return
        prepare_broker(self.plan.rabbitmq_url)

    def _await_mlflow(self) -> None:
        def find_outage() -> str | None:
            return mlflow.find_outage(self.plan.mlflow_login_url)

        if self.plan.own_mlflow:
            self._wait("MLflow", "mlflow", find_outage)
            prepare_mlflow(self.plan.mlflow_login_url, self.plan.secrets.read_all(MLFLOW))
        elif said := find_outage():
            raise StackError(f"VIRAL_MLFLOW_URL: MLflow does not answer at {self.plan.mlflow_url} ({said})")

    def _start(self, name: str) -> None:
        program = next(program for program in self.plan.make_servers() if program.name == name)
        self.supervisor.start(program.full_name)

    def _wait(
        self, what: str, program: str, ask: Callable[[], str | None], timeout_s: float = TIMEOUT_S
    ) -> None:
        """Wait until it answers.

        An answer by somebody else does not count: another stack may have chosen the same port at the same time.
        """
        taken_after = time.monotonic() + TAKEN_TIMEOUT_S

        def find_outage() -> str | None:
            port = self._find_taken_port(program)
            if port is None:
                return ask()
            if time.monotonic() > taken_after:
                self.supervisor.shut_down()  # a stack that runs keeps its ports, a new start chooses others
                raise StackError(f"port {port} ({what}) was taken meanwhile, all is stopped: run it again")
            return f"somebody else answers on port {port}"

        wait_for(what, find_outage, timeout_s, f"`viral logs {program}`")

    def _find_taken_port(self, program: str) -> int | None:
        """Find a port that somebody else took; None for a given server too, which the supervisor does not know."""
        info = self.supervisor.read_states().get(program)
        return find_taken_port(program, info["pid"], self.plan.ports) if info else None
