"""Starting what a plan names, in the order in which the parts need each other. Each step may have been done before."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import urlsplit

from viral_common.database.engine import connect, make_schema, migrate
from viral_common.settings import CommonSettings

from viral_local.errors import StackError
from viral_local.ports import LOOPBACK, answers, taken_by_another
from viral_local.process.logs import complaint
from viral_local.process.program import Program
from viral_local.process.supervisor import Supervisor
from viral_local.servers import mlflow, postgres, rabbitmq, services
from viral_local.stack.plan import Plan
from viral_local.waiting import wait_for

Step = Callable[[str], AbstractContextManager[None]]
# Generous: a cold start on a small, busy machine.
PATIENCE_S = 120
SCRAPER_PATIENCE_S = 8
# Workers of a gateway that was killed answer until they have finished.
TAKEN_PATIENCE_S = 15
AMQP_PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True)
class Start:
    """`step` shows a person what is being waited for."""

    plan: Plan
    supervisor: Supervisor
    step: Step

    def servers(self, migrations: bool = True) -> None:
        """RabbitMQ takes longest to boot, so it goes first and is asked last."""
        if self.plan.own_rabbitmq:
            self._boot_rabbitmq()
        with self.step("Postgres"):
            self._postgres()
        if self.plan.own_mlflow:
            self._start("mlflow")
        if migrations:
            with self.step("tables"):
                migrate(connect(self._settings(), "viral"))
        with self.step("RabbitMQ"):
            self._await_rabbitmq()
        with self.step("MLflow"):
            self._await_mlflow()

    def services(self, programs: list[Program]) -> None:
        """Start all of them at once."""
        for program in programs:
            self.supervisor.start(program.full_name)

    def await_services(self) -> None:
        """Wait until all live, then until they are ready. The gateway gets ready with the first model, not before."""
        for name in services.SERVICES:
            with self.step(name):
                self._wait(name, name, lambda name=name: self._unheard(name))  # type: ignore[misc]
                if name != "gateway":
                    # A scraper that lives knows at once what is wrong with its source.
                    patience_s = SCRAPER_PATIENCE_S if name == "scraper" else PATIENCE_S
                    self._wait(name, name, lambda name=name: self._missing(name), patience_s)  # type: ignore[misc]

    def _unheard(self, name: str) -> str | None:
        if services.health(self.plan.health_url(name)).live:
            return None
        if self.supervisor.states().get(name, {}).get("statename") == "BACKOFF":
            raise StackError(f"{name} does not start: {complaint(self.plan.home, name)}")
        return "it does not answer"

    def _missing(self, name: str) -> str | None:
        health = services.health(self.plan.health_url(name))
        return None if health.ready else "; ".join(health.missing) or "it does not answer"

    def _postgres(self) -> None:
        if self.plan.own_postgres:
            home, port, passwords = self.plan.home, self.plan.ports["postgres"], self.plan.passwords
            postgres.initialise(home, passwords["postgres"])
            self._start("postgres")
            self._wait("Postgres", "postgres", lambda: postgres.answers(home, port))
            postgres.create_databases(home, port, passwords)
            return
        # Raises if the given server does not answer.
        make_schema(connect(self._settings(), "viral"), "mlflow" if self.plan.own_mlflow else "public")

    def _boot_rabbitmq(self) -> None:
        rabbitmq.configure(self.plan.home, self.plan.ports, self.plan.passwords["rabbitmq"])
        self._start("epmd")
        self._wait("epmd", "epmd", lambda: None if answers(self.plan.ports["epmd"]) else "not listening")
        self._start("rabbitmq")

    def _await_rabbitmq(self) -> None:
        if self.plan.own_rabbitmq:
            password = self.plan.passwords["rabbitmq"]
            self._wait("RabbitMQ", "rabbitmq", lambda: rabbitmq.answers(self.plan.console_url, password))
            return
        given = urlsplit(self.plan.rabbitmq_url)
        port = given.port or AMQP_PORTS[given.scheme]
        try:
            socket.create_connection((given.hostname or LOOPBACK, port), timeout=5).close()
        except OSError as error:
            where = f"{given.hostname}:{port}"
            raise StackError(f"VIRAL_RABBITMQ_URL: nothing answers at {where} ({error})") from error

    def _await_mlflow(self) -> None:
        def trouble() -> str | None:
            return mlflow.answers(self.plan.mlflow_url)

        if self.plan.own_mlflow:
            self._wait("MLflow", "mlflow", trouble)
        elif said := trouble():
            raise StackError(f"VIRAL_MLFLOW_URL: MLflow does not answer at {self.plan.mlflow_url} ({said})")

    def _start(self, name: str) -> None:
        program = next(program for program in self.plan.servers() if program.name == name)
        self.supervisor.start(program.full_name)

    def _wait(
        self, what: str, program: str, ask: Callable[[], str | None], patience_s: float = PATIENCE_S
    ) -> None:
        """An answer by somebody else does not count: another stack may have chosen the same port at the same time."""
        taken_after = time.monotonic() + TAKEN_PATIENCE_S

        def trouble() -> str | None:
            port = self._taken_port(program)
            if port is None:
                return ask()
            if time.monotonic() > taken_after:
                self.supervisor.shutdown()  # a stack that runs keeps its ports, a new start chooses others
                raise StackError(f"port {port} ({what}) was taken meanwhile, all is stopped: run it again")
            return f"somebody else answers on port {port}"

        wait_for(what, trouble, patience_s, f"`viral logs {program}`")

    def _taken_port(self, program: str) -> int | None:
        """None for a given server too: the supervisor does not know it."""
        info = self.supervisor.states().get(program)
        return taken_by_another(program, info["pid"], self.plan.ports) if info else None

    def _settings(self) -> CommonSettings:
        urls = {"database_url": self.plan.database_url, "rabbitmq_url": self.plan.rabbitmq_url}
        return CommonSettings.model_validate(urls)
