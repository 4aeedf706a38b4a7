"""A gateway behind Caddy and three servers, all of it encrypted; certificates are replaced meanwhile."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner
from viral_common.bus.topology import open_connection
from viral_common.database.engine import connect
from viral_common.delivery.service import Service
from viral_local.certificates import find_authority
from viral_local.cli import app
from viral_local.http_client import open_http

from tests.eventually import eventually
from tests.integration.gateway.processes import GatewayProcess, Promoter, soon
from tests.integration.gateway.test_edge import run_caddy
from tests.integration.tls.conftest import TlsServers

TWEET = {"tweets": [{"text": "Good morning! Coffee first."}]}
# RabbitMQ looks for changed files every two minutes.
TAKEN_UP_S = 150


@dataclass(frozen=True)
class Encrypted:
    """What runs, and where the gateway answers."""

    servers: TlsServers
    service: Service
    promoter: Promoter
    gateway: GatewayProcess


@pytest.fixture(scope="module")
def running(tls_servers: TlsServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder, certs = tmp_path_factory.mktemp("gateway"), tls_servers.certs
    settings = tls_servers.make_settings(data_dir=folder)
    with Service("evaluator", settings) as service:
        service.start()
        promoter = Promoter(service, settings, folder / "made")
        gateway = GatewayProcess(
            settings,
            folder / "log",
            VIRAL_GATEWAY_WORKERS="2",
            VIRAL_CA_FILE=str(find_authority(certs)),
            VIRAL_TLS_CERT_FILE=str(certs / "gateway" / "tls.crt"),
            VIRAL_TLS_KEY_FILE=str(certs / "gateway" / "tls.key"),
            VIRAL_TRUSTED_PROXIES="127.0.0.1",
            VIRAL_LOG_LEVEL="debug",
        )
        try:
            yield Encrypted(tls_servers, service, promoter, gateway)
        finally:
            gateway.stop()


def read_serial(port: int, authority: Path, asks_as_postgres: bool = False) -> str:
    """Read the serial number of the certificate that a new connection gets."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        if asks_as_postgres:
            connection.sendall(struct.pack("!ii", 8, 80877103))
            assert connection.recv(1) == b"S"
        context = ssl.create_default_context(cafile=str(authority))
        with context.wrap_socket(connection, server_hostname="localhost") as encrypted:
            certificate = encrypted.getpeercert()
            assert certificate
            return str(certificate["serialNumber"])


def read_serials(running: Encrypted) -> list[str]:
    ports, authority = running.servers.plan.ports, find_authority(running.servers.certs)
    return [
        read_serial(ports["postgres"], authority, asks_as_postgres=True),
        read_serial(ports["rabbitmq"], authority),
        read_serial(ports["mlflow"], authority),
        read_serial(running.gateway.port, authority),
    ]


def test_a_promotion_travels_encrypted_and_is_served_at_the_edge(running: Encrypted, tmp_path: Path) -> None:
    registered, _ = running.promoter.register(bias=0.5)
    running.promoter.promote(registered)
    soon(lambda: running.gateway.version() == registered.model_version)

    authority = find_authority(running.servers.certs)
    with run_caddy(tmp_path, f"localhost:{running.gateway.port}", authority) as edge:
        reply = edge.post("/v1/predictions", json=TWEET)

    assert reply.status_code == 200
    assert reply.json()["predictions"][0]["probability"] > 0
    assert reply.headers["strict-transport-security"]


def test_certificates_are_replaced_while_all_are_connected(running: Encrypted) -> None:
    plan, before = running.servers.plan, read_serials(running)
    settings = running.servers.make_settings()
    with (
        connect(settings, "tests").connect() as database,
        open_connection(settings.rabbitmq_url.get_secret_value(), "tests") as broker,
        open_http(plan.mlflow_login_url) as mlflow,
    ):
        database.execute(text("SELECT 1"))
        running.gateway.http.get("/health/live")
        mlflow.get("/health")

        renewed = CliRunner().invoke(app, ["certs", "renew", str(running.servers.certs)])

        # The stack's own Postgres is told; nobody need do it.
        assert renewed.output == "renewed: postgres, rabbitmq, mlflow, gateway\n"

        def are_new() -> bool:
            broker.process_data_events()  # its heartbeats, too, want an answer
            return not set(read_serials(running)) & set(before)

        eventually(are_new, within_s=TAKEN_UP_S)
        database.execute(text("SELECT 1"))
        assert broker.channel().is_open
        assert mlflow.get("/health").status_code == httpx.codes.OK
        assert running.gateway.http.get("/health/live").status_code == httpx.codes.OK


def test_a_plain_request_to_the_gateway_gets_no_reply(running: Encrypted) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{running.gateway.port}/health/live")
