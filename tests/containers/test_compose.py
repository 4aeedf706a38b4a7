"""The Compose file and the Dockerfiles, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from viral_local.servers import postgres

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILES = sorted([*ROOT.glob("services/*/Dockerfile"), *ROOT.glob("infra/*/Dockerfile")])
SERVICES = {"scraper", "trainer", "evaluator", "gateway"}
ONE_SHOTS = {"certs", "prepare-postgres", "prepare"}


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """The containers by name."""
    containers: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return containers


def test_the_file_follows_the_compose_specification() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]

    checked = subprocess.run(command, capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_has_nothing_to_say(dockerfile: Path) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint is not packaged for this machine")

    checked = subprocess.run([hadolint, "--no-color", dockerfile], capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout


def test_postgres_is_of_the_major_version_that_the_one_machine_stack_runs(parts: dict[str, Any]) -> None:
    bundled, _ = postgres._find_bundled()

    assert parts["postgres"]["image"] == f"postgres:{bundled}"
    assert f"now it is {bundled}" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_each_service_has_a_profile_of_its_own(parts: dict[str, Any]) -> None:
    assert {name: parts[name]["profiles"] for name in SERVICES} == {name: [name] for name in SERVICES}


def test_a_service_alone_on_its_host_needs_no_container_of_another_profile(parts: dict[str, Any]) -> None:
    for name in SERVICES:
        needed = parts[name]["depends_on"]
        assert [other for other, how in needed.items() if how["required"]] == [], name


def test_whoever_waits_for_a_server_waits_until_it_is_healthy(parts: dict[str, Any]) -> None:
    for name, part in parts.items():
        for other, how in part.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
            assert how["condition"] == wanted, f"{name} needs {other}"


def test_all_that_stays_up_has_a_health_check_and_a_memory_limit(parts: dict[str, Any]) -> None:
    for name in parts.keys() - ONE_SHOTS:
        assert parts[name]["healthcheck"]["test"], name
        assert parts[name]["mem_limit"], name


def test_nothing_takes_the_processor_from_replies(parts: dict[str, Any]) -> None:
    behind = {name for name, part in parts.items() if part.get("cpu_shares", 1024) < 1024}

    assert behind == {"mlflow", "scraper", "trainer", "evaluator"}


def test_published_ports_are_on_loopback_unless_asked_otherwise(parts: dict[str, Any]) -> None:
    ports = [port for name, part in parts.items() if name != "edge" for port in part.get("ports", [])]

    assert ports
    assert [port for port in ports if not port.startswith("${VIRAL_BIND_ADDRESS:-127.0.0.1}:")] == []


def test_no_password_is_in_an_environment_and_each_sees_its_own(parts: dict[str, Any]) -> None:
    for name, part in parts.items():
        told = {key: value for key, value in (part.get("environment") or {}).items() if "FILE" not in key}
        assert [key for key in told if re.search("PASS|SECRET_KEY|TOKEN", key)] == [], name
        assert not re.search(r"//[^/@]*:[^/@]+@", str(told)), name
    own = {name: set(part["secrets"]) for name, part in parts.items() if name in SERVICES}

    assert {name: secrets - {"trusted-signers"} for name, secrets in own.items()} == {
        name: {name} for name in SERVICES
    }


def test_every_secret_that_a_container_takes_is_made(tmp_path: Path) -> None:
    viral = Path(sys.executable).with_name("viral")
    subprocess.run([viral, "servers", "secrets", tmp_path], check=True, capture_output=True, cwd=tmp_path)

    named = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["secrets"].values()
    paths = [tmp_path / one["file"].removeprefix("${VIRAL_SECRETS_DIR:-./secrets}/") for one in named]

    assert [path for path in paths if not path.exists()] == []
    loose = [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077]
    assert loose == [tmp_path / "trusted-signers.toml"]


def test_each_server_sees_its_own_key_alone_and_who_asks_sees_none(parts: dict[str, Any]) -> None:
    folder = "${VIRAL_CERTS_DIR:-./certs}"
    seen = {
        name: [
            volume.removeprefix(folder).split(":")[0]
            for volume in part.get("volumes", [])
            if volume.startswith(folder)
        ]
        for name, part in parts.items()
    }

    servers = {"postgres", "rabbitmq", "mlflow", "gateway"}
    assert seen.pop("certs") == [""]
    assert {name: seen.pop(name) for name in servers} == {name: [f"/{name}"] for name in servers}
    assert seen.pop("gateway-2") == ["/gateway"]
    asking = {"prepare-postgres", "prepare", "scraper", "trainer", "evaluator", "edge", "prometheus"}
    assert {name: seen.pop(name) for name in asking} == {name: ["/trust"] for name in asking}
    assert not any(seen.values())


def test_no_connection_is_plain_and_the_edge_reaches_the_gateway_alone(parts: dict[str, Any]) -> None:
    told = str([part.get("environment") for part in parts.values()])

    assert not re.search(r"\b(http|amqp)://|postgresql://(?![^ ,']*sslmode=verify-full)", told)
    assert "VIRAL_ALLOW_PLAIN" not in told
    assert {name for name, part in parts.items() if "edge" in part.get("networks", [])} == {
        "gateway",
        "gateway-2",
        "edge",
    }
    assert list(parts["edge"]["networks"]) == ["edge"]


def test_every_file_that_a_container_mounts_exists(parts: dict[str, Any]) -> None:
    mounted = [volume.split(":")[0] for part in parts.values() for volume in part.get("volumes", [])]

    assert [path for path in mounted if path.startswith("./") and not (ROOT / path).exists()] == []


def test_every_file_that_an_image_needs_reaches_the_builder() -> None:
    """`.dockerignore` refuses everything but what is named there."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    for dockerfile in DOCKERFILES:
        for line in re.findall(r"^COPY (.+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE):
            for path in line.split()[:-1]:
                assert any(path == one or path.startswith(f"{one}/") for one in allowed), dockerfile


def test_docker_itself_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker compose here")
    checked = subprocess.run(
        [docker, "compose", "--profile", "*", "-f", COMPOSE, "config", "--quiet"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr
