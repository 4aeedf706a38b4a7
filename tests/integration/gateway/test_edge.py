"""Caddy before gateways: encrypted on both sides, the caller's address arrives, and one of two gateways may be lost."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from viral_common.settings import CommonSettings
from viral_gateway.middleware.security_headers import SecurityHeaders
from viral_gateway.middleware.tls import CertificateFiles
from viral_local.certificates import find_authority, make_certificates

from tests.eventually import eventually
from tests.integration.gateway.load import under_load, wait_for_more
from tests.integration.gateway.processes import GatewayProcess, Promoter, free_port, soon
from tests.integration.gateway.test_http_protocol import echo_client, serve

CADDY = Path(sys.executable).with_name("caddy")
CADDYFILE = Path(__file__).parents[3] / "infra" / "caddy" / "Caddyfile"
# On loopback, on ports that anybody may take, and without a change to this machine's trust.
FOR_TESTS = "{\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n\thttp_port %d\n"


@contextmanager
def run_caddy(folder: Path, gateways: str, authority: Path, tries: str = "5s") -> Iterator[httpx.Client]:
    """Run it with the product's file, before the gateways at these addresses."""
    port, config = free_port(), folder / "Caddyfile"
    edge = CADDYFILE.read_text().replace("{\n", FOR_TESTS % free_port(), 1)
    config.write_text(edge.replace("lb_try_duration 5s", f"lb_try_duration {tries}"))
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "VIRAL_PUBLIC_HOST": f"localhost:{port}",
        "VIRAL_EDGE_GATEWAYS": gateways,
        "VIRAL_CA_FILE": str(authority),
    }
    with (folder / "caddy.log").open("wb") as log:
        command = [str(CADDY), "run", "--config", str(config), "--adapter", "caddyfile"]
        caddy = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        eventually(root.is_file)
        context = ssl.create_default_context(cafile=str(root))
        with httpx.Client(base_url=f"https://localhost:{port}", verify=context, timeout=20) as client:
            eventually(lambda: is_answering(client))
            yield client
    finally:
        caddy.terminate()
        caddy.wait(20)


def is_answering(client: httpx.Client) -> bool:
    try:
        client.get("/")
    except httpx.TransportError:
        return False
    return True


def test_the_edge_passes_requests_on_and_says_for_whom(tmp_path: Path) -> None:
    certs = tmp_path / "certs"
    make_certificates(certs, [])
    files = CertificateFiles(certs / "gateway" / "tls.crt", certs / "gateway" / "tls.key")
    with (
        serve("127.0.0.1", files, app=SecurityHeaders(echo_client)) as port,
        run_caddy(tmp_path, f"https://localhost:{port}", find_authority(certs)) as client,
    ):
        reply = client.post("/", content=b"x" * 100, headers={"X-Forwarded-For": "192.0.2.7"})

    # What the caller itself says of where it comes from is dropped.
    assert reply.text == "127.0.0.1 100"
    assert reply.headers.get_list("strict-transport-security") == ["max-age=31536000"]


def test_the_edge_passes_nothing_to_a_gateway_that_is_not_ours(tmp_path: Path) -> None:
    make_certificates(tmp_path / "certs", [])
    make_certificates(tmp_path / "other", [])
    files = CertificateFiles(
        tmp_path / "other" / "gateway" / "tls.crt", tmp_path / "other" / "gateway" / "tls.key"
    )
    with (
        serve("127.0.0.1", files) as port,
        run_caddy(
            tmp_path, f"https://localhost:{port}", find_authority(tmp_path / "certs"), "100ms"
        ) as client,
    ):
        reply = client.get("/")

    assert reply.status_code == 503  # it is never well
    assert reply.headers["strict-transport-security"] == "max-age=31536000"


REQUESTS = 20_000


@pytest.mark.skipif("VIRAL_TEST_TLS" not in os.environ, reason="takes a minute or two: `make tls`")
def test_two_gateways_one_killed_and_each_started_anew_fail_no_request(
    settings: CommonSettings, promoter: Promoter, tmp_path: Path
) -> None:
    certs = tmp_path / "certs"
    make_certificates(certs, [])
    settings.ca_file = find_authority(certs)
    registered, _ = promoter.register(bias=0.5)
    promoter.promote(registered)

    def start(number: int) -> GatewayProcess:
        gateway = GatewayProcess(
            settings,
            tmp_path / f"gateway{number}.log",
            VIRAL_DATA_DIR=str(tmp_path / f"data{number}"),
            VIRAL_GATEWAY_PORT=str(ports[number]),
            VIRAL_TLS_CERT_FILE=str(certs / "gateway" / "tls.crt"),
            VIRAL_TLS_KEY_FILE=str(certs / "gateway" / "tls.key"),
            VIRAL_TRUSTED_PROXIES="127.0.0.1",
        )
        soon(lambda: gateway.ready().status_code == 200)
        return gateway

    ports = [free_port(), free_port()]
    gateways = [start(0), start(1)]
    addresses = " ".join(f"https://localhost:{port}" for port in ports)
    try:
        with run_caddy(tmp_path, addresses, find_authority(certs)) as client:
            root = tmp_path / "caddy" / "pki" / "authorities" / "local" / "root.crt"
            context = ssl.create_default_context(cafile=str(root))
            with under_load(client.base_url.port or 443, callers=8, tls=context) as load:
                wait_for_more(load, REQUESTS // 4)
                gateways[0].kill()
                wait_for_more(load, REQUESTS // 4)
                gateways[0] = start(0)
                for number in (1, 0):  # a rolling restart
                    wait_for_more(load, REQUESTS // 4)
                    assert gateways[number].stop() == 0
                    gateways[number] = start(number)
    finally:
        for gateway in gateways:
            gateway.kill()

    assert len(load.outcomes) >= REQUESTS
    assert not load.failed
    assert load.refused == 0
