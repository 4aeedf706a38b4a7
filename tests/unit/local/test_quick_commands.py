"""What a command imports before it runs: little, so that `--help` and a shell's completion answer at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "mlflow", "torch", "pandas", "onnxruntime", "sklearn")


@pytest.mark.parametrize(
    "package", ["viral_scraper", "viral_trainer", "viral_evaluator", "viral_gateway", "viral_local"]
)
def test_a_command_line_imports_no_heavy_library(package: str) -> None:
    check = f"import sys, {package}.cli; print([name for name in {HEAVY} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
