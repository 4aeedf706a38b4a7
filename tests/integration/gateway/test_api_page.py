"""What docs/api.md shows for shells and for Python works as it stands, against a real gateway."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.processes import GatewayProcess

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "docs" / "api.md"]
ADDRESS = "http://127.0.0.1:8000"


def shown(language: str) -> list[str]:
    """The pages' code that asks the gateway something."""
    code = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    blocks: list[str] = re.findall(rf"^```{language}\n(.+?)^```", code, re.DOTALL | re.MULTILINE)
    return [block for block in blocks if ADDRESS in block]


@pytest.mark.parametrize("command", [one for one in shown("bash") if "/v1/events" not in one])
def test_a_command_gets_an_answer(gateway: GatewayProcess, command: str) -> None:
    done = subprocess.run(
        ["bash", "-euc", f"KEY=none\n{at(gateway, command)}"], capture_output=True, text=True, check=True
    )

    assert '"promotion_seq"' in done.stdout
    assert '"status"' not in done.stdout


def test_the_command_for_the_stream_receives_the_model(gateway: GatewayProcess) -> None:
    [command] = [one for one in shown("bash") if "/v1/events" in one]

    with subprocess.Popen(
        ["bash", "-c", f"exec {at(gateway, command)}"], stdout=subprocess.PIPE, text=True
    ) as stream:
        assert stream.stdout
        received = [next(stream.stdout).rstrip() for _ in range(5)]
        stream.terminate()

    assert "event: model.promoted" in received


@pytest.mark.parametrize("program", shown("python"))
def test_a_program_runs(gateway: GatewayProcess, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", at(gateway, program)], capture_output=True, text=True, check=True
    )

    assert done.stdout
    if "GatewayError" in program:
        assert "422 Unprocessable Content #/tweets/0/photos_count None" in done.stdout
        assert f"now serving {gateway.ready().json()['model']['version']}" in done.stdout


def at(gateway: GatewayProcess, code: str) -> str:
    return code.replace(ADDRESS, f"http://127.0.0.1:{gateway.port}")
