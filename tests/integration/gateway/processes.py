"""Run a gateway as a process of its own, and promote models around it as the evaluator would."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
from viral_common.artefact.files import SIGNATURE, Artefact
from viral_common.database.tables import Batch, Promotion
from viral_common.delivery.service import Service
from viral_common.encryption import fill_authority
from viral_common.events import ModelPromoted
from viral_common.registry.runs import Runs
from viral_common.registry.versions import RegisteredVersion
from viral_common.settings import CommonSettings
from viral_common.stores import ledger
from viral_local.http_client import open_http

from tests.eventually import eventually
from tests.factories import make_artefact
from tests.signing import EVALUATOR, TRAINER, write_signers

NOWHERE = "127.0.0.1:1"


class GatewayProcess:
    """Run `viral-gateway run`; SIGTERM stops it."""

    def __init__(self, settings: CommonSettings, log: Path, **overrides: str) -> None:
        self.port = int(overrides.get("VIRAL_GATEWAY_PORT", 0)) or free_port()
        environment = {
            "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
            "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
            "VIRAL_MLFLOW_URL": settings.mlflow_url,
            "VIRAL_DATA_DIR": str(settings.data_dir),
            "VIRAL_TRUSTED_SIGNERS": str(write_signers(log.with_name("signers.toml"))),
            "VIRAL_GATEWAY_PORT": str(self.port),
            # Events and the look at start must do it alone.
            "VIRAL_RECONCILE_S": "3600",
            "VIRAL_SWAP_SPREAD_S": "0",
            **overrides,
        }
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("viral-gateway"), "run"],
                env={**os.environ, **environment},
                cwd=log.parent,  # where no `.env` lies
                stdout=output,
                stderr=output,
            )
        scheme = "https" if "VIRAL_TLS_CERT_FILE" in overrides else "http"
        address = fill_authority(f"{scheme}://127.0.0.1:{self.port}", settings.ca_file)
        self.http = open_http(address, timeout_s=20)
        try:
            eventually(self._is_live)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """Send SIGTERM; return its exit code."""
        self.http.close()
        self.ask_to_stop()
        return self.process.wait(20)

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the supervisor and its workers, if they run."""
        if self.process.poll() is None:
            for process in [psutil.Process(self.process.pid), *list_workers(self)]:
                process.kill()
            self.process.wait()

    def ready(self) -> httpx.Response:
        return self.http.get("/health/ready")

    def version(self) -> int | None:
        model = self.ready().json()["model"]
        return int(model["version"]) if model else None

    def probabilities(self, texts: list[str], created_at: datetime) -> list[float]:
        tweets = [{"text": text, "created_at": created_at.isoformat()} for text in texts]
        reply = self.http.post("/v1/predictions", json={"tweets": tweets})
        reply.raise_for_status()
        return [prediction["probability"] for prediction in reply.json()["predictions"]]

    def _is_live(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.http.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False


def list_workers(gateway: GatewayProcess) -> list[psutil.Process]:
    """List the forks that answer."""
    supervisor = psutil.Process(gateway.process.pid)
    return [child for child in supervisor.children() if _is_fork(child, supervisor)]


def _is_fork(child: psutil.Process, supervisor: psutil.Process) -> bool:
    try:
        return bool(child.cmdline() == supervisor.cmdline())
    except psutil.NoSuchProcess:  # gone, or a zombie, since its parent named it
        return False


def read_metric(gateway: GatewayProcess, metric: str) -> float:
    """Read a figure of all workers, from whichever answers."""
    lines = gateway.http.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(metric))


class Promoter:
    """Register artefacts and promote them as the evaluator does: row and event in one transaction."""

    def __init__(self, service: Service, settings: CommonSettings, directory: Path) -> None:
        self.service, self.settings, self.directory = service, settings, directory
        self.batch_id = uuid4()
        with service.sessions.begin() as session:
            session.add(
                Batch(
                    id=self.batch_id,
                    source="simulated",
                    query="everything",
                    window_from=datetime.now(UTC) - timedelta(days=1),
                    window_to=datetime.now(UTC),
                    target=10,
                )
            )

    def register(self, bias: float) -> tuple[RegisteredVersion, Artefact]:
        """Register a version whose probabilities `bias` moves."""
        artefact = make_artefact(self.directory / str(bias) / "artefact", bias=bias, simulated=True)
        return self.register_made(artefact), artefact

    def register_made(self, artefact: Artefact) -> RegisteredVersion:
        """Register a version of an artefact that is there already, signed unless it was."""
        if not (signature := artefact.directory / SIGNATURE).exists():
            signature.write_bytes(TRAINER.sign_artefact(artefact.sha256, uuid4(), self.batch_id))
        run = Runs(self.settings.mlflow_url).start(uuid4(), "test", {})
        return run.register(artefact, {"auc": 0.7})

    def promote(self, registered: RegisteredVersion, **damage: Any) -> int:
        """Promote it; return its promotion_seq."""
        with self.service.sessions.begin() as session:
            row = ledger.add_promotion(session, self._row(registered, **damage), EVALUATOR.sign_promotion)
            event = ModelPromoted(
                id=row.event_id,
                batch_id=row.batch_id,
                promotion_seq=row.seq,
                model_version=row.model_version,
                previous_version=row.previous_version,
                mlflow_run_id=row.mlflow_run_id,
                artifact_uri=row.artifact_uri,
                artifact_sha256=row.artifact_sha256,
                precision=row.precision,
                verdict_id=None,
                reason="manual",
                metrics=row.metrics,
            )
            self.service.emit(session, event)
            return row.seq

    def publish_forged_event(self, registered: RegisteredVersion, promotion_seq: int) -> None:
        """Announce a promotion of which Postgres has no row."""
        row = self._row(registered)
        event = ModelPromoted(
            id=row.event_id,
            batch_id=row.batch_id,
            promotion_seq=promotion_seq,
            model_version=row.model_version,
            previous_version=None,
            mlflow_run_id=row.mlflow_run_id,
            artifact_uri=row.artifact_uri,
            artifact_sha256=row.artifact_sha256,
            verdict_id=None,
            reason="better",
            metrics=row.metrics,
        )
        with self.service.sessions.begin() as session:
            self.service.emit(session, event)

    def _row(self, registered: RegisteredVersion, **damage: Any) -> Promotion:
        values = {
            "event_id": uuid4(),
            "batch_id": self.batch_id,
            "model_version": registered.model_version,
            "mlflow_run_id": registered.mlflow_run_id,
            "artifact_uri": registered.artifact_uri,
            "artifact_sha256": registered.artifact_sha256,
            "precision": "fp32",
            "reason": "manual",
            "metrics": registered.metrics,
        }
        return Promotion(**{**values, **damage})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def soon(condition: Callable[[], bool]) -> None:
    # A swap tries the artefact in a process of its own that steps back behind everything else on the host.
    eventually(condition, within_s=60)
