"""GitHub's files: they follow its schemas, and zizmor finds nothing to attack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("schema", "name"), [("github-workflows", "workflows/ci.yml"), ("dependabot", "dependabot.yml")]
)
def test_they_follow_the_schema(schema: str, name: str) -> None:
    program = PROGRAMS / "check-jsonschema"
    command = [str(program), "--builtin-schema", f"vendor.{schema}", str(ROOT / ".github" / name)]

    checked = subprocess.run(command, capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_zizmor_has_nothing_to_say() -> None:
    command = [str(PROGRAMS / "zizmor"), "--offline", "--pedantic", "--no-progress", str(ROOT / ".github")]

    checked = subprocess.run(command, capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr
