"""schemathesis takes the gateway at the word of its OpenAPI document; `make fuzz` asks it much longer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.processes import GatewayProcess

ROOT = Path(__file__).parents[3]
CASES_PER_CALL = int(os.environ.get("FUZZ_CASES_PER_CALL", "25"))
# Of the eight calls four take parameters; the others have nothing to vary.
AT_LEAST = 2 * CASES_PER_CALL


@pytest.mark.timeout(3600)
def test_no_request_gets_a_reply_that_the_document_does_not_know(
    gateway: GatewayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {
        "--checks": "all",
        # It never ends, and schemathesis waits for the end of every reply.
        "--exclude-path": "/v1/events",
        "--max-examples": str(CASES_PER_CALL),
        "--request-timeout": "20",
        "--generation-database": "none",
        "--suppress-health-check": "all",
    }

    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--no-color", "run"),
            *(word for option in options.items() for word in option),
            f"{gateway.http.base_url}/openapi.json",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.integration.gateway.openapi_hooks",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    with capsys.disabled():
        if CASES_PER_CALL > 25:
            sys.stdout.write(done.stdout[-600:])
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    found = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert found
    assert int(found[1]) == int(found[2]) >= AT_LEAST
