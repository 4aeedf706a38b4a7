"""Caddy before a gateway: encrypted on both sides, and the caller's address arrives."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from viral_gateway.middleware.security_headers import SecurityHeaders
from viral_gateway.middleware.tls import CertificateFiles
from viral_local.certificates import find_authority, make_certificates

from tests.eventually import eventually
from tests.integration.gateway.processes import free_port
from tests.integration.gateway.test_http_protocol import echo_client, serve

CADDYFILE = Path(__file__).parents[3] / "infra" / "caddy" / "Caddyfile"
# On loopback, on ports that anybody may take, and without a change to this machine's trust.
FOR_TESTS = "{\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n\thttp_port %d\n"


@contextmanager
def run_caddy(folder: Path, gateway: str, authority: Path) -> Iterator[httpx.Client]:
    """Run it with the product's file, before the gateway at this host and port."""
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not installed: `make tls` does it")
    port, config = free_port(), folder / "Caddyfile"
    config.write_text(CADDYFILE.read_text().replace("{\n", FOR_TESTS % free_port(), 1))
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "VIRAL_PUBLIC_HOST": f"localhost:{port}",
        "VIRAL_EDGE_GATEWAY": gateway,
        "VIRAL_CA_FILE": str(authority),
    }
    with (folder / "caddy.log").open("wb") as log:
        command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
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
        run_caddy(tmp_path, f"localhost:{port}", find_authority(certs)) as client,
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
        run_caddy(tmp_path, f"localhost:{port}", find_authority(tmp_path / "certs")) as client,
    ):
        reply = client.get("/")

    assert reply.status_code == 502
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
