"""Some cases of each kind; `make fuzz` sets FUZZ_CASES to thousands."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CASES = int(os.environ.get("FUZZ_CASES", "0"))
SHORT = {"artefact": 12, "archive": 40, "message": 150}
PROCESSES = os.cpu_count() or 1


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("kind", SHORT)
def test_no_damage_crashes_hangs_or_fills_the_memory(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    cases = CASES or SHORT[kind]

    # Not in this process, which has threads: the cases run in forks.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz",
            "--kind",
            kind,
            "--cases",
            str(cases),
            "--processes",
            str(PROCESSES),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    with capsys.disabled():
        if CASES:
            sys.stdout.write(done.stdout[-4_000:])
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert f"{cases:,} cases: " in done.stdout
