"""schemathesis takes the gateway at the word of its OpenAPI document; `make fuzz` asks it much longer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.stage import GatewayProcess

CASES_PER_CALL = int(os.environ.get("FUZZ_CASES_PER_CALL", "25"))
AT_LEAST = int(os.environ.get("FUZZ_CASES", "200"))


@pytest.mark.timeout(3600)
def test_nothing_that_is_sent_gets_a_reply_that_the_document_does_not_know(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run"]
    options = {
        "--checks": "all",
        # It never ends, and schemathesis waits for the end of every reply.
        "--exclude-path": "/v1/events",
        "--max-examples": str(CASES_PER_CALL),
        "--request-timeout": "20",
        "--generation-database": "none",
        "--suppress-health-check": "all",
        "--report-json-path": str(report),
    }

    done = subprocess.run(
        [
            *command,
            *(word for option in options.items() for word in option),
            f"{gateway.http.base_url}/openapi.json",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    print(done.stdout[-2_000:])  # noqa: T201
    assert json.loads(report.read_text())
