"""When `make` trusts the virtual environment that it finds. A stand-in for Python makes it, so nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")

# Notes how it was asked for a virtual environment. What is in there does nothing, but its Python is one.
PYTHON = f"""#!/bin/sh
[ "$2" = venv ] || exit 0
echo "$@" >>asked
mkdir -p .venv/bin
ln -sf {sys.executable} .venv/bin/python
for name in pip viral; do printf '#!/bin/sh\\necho "$0 $@"\\n' >.venv/bin/$name; chmod +x .venv/bin/$name; done
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    clone = tmp_path / "my clone"
    clone.mkdir()
    shutil.copy("Makefile", clone)
    (clone / "locks").mkdir()
    for name in ("pyproject.toml", "locks/dev.txt"):
        (clone / name).touch()
    (clone / "python").write_text(PYTHON)
    (clone / "python").chmod(0o755)
    return clone


def make(clone: Path, target: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"]}  # not what an outer make passes on
    command = ["make", "PYTHON=./python", target]
    return subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False)


def environments_made(clone: Path) -> list[str]:
    """The words of each request."""
    assert make(clone, ".venv/.installed").returncode == 0
    return (clone / "asked").read_text().splitlines()


def test_an_environment_is_made_once(clone: Path) -> None:
    environments_made(clone)

    assert environments_made(clone) == ["-m venv .venv"]


def test_nothing_is_installed_but_what_a_lock_names(clone: Path) -> None:
    made = make(clone, ".venv/.installed")

    for command in [line for line in made.stdout.splitlines() if "pip install" in line]:
        assert " --no-deps " in command
        assert "--require-hashes -r locks/" in command or command.endswith(" --no-build-isolation -e .")


@pytest.mark.parametrize(
    "transport", [shutil.move, lambda old, new: shutil.copytree(old, new, symlinks=True)]
)
def test_in_a_clone_that_was_moved_or_copied_it_is_made_anew(clone: Path, transport: shutil._CopyFn) -> None:
    environments_made(clone)
    there = clone.with_name("there")

    transport(str(clone), str(there))

    assert environments_made(there) == ["-m venv .venv", "-m venv --clear .venv"]
    assert environments_made(there) == ["-m venv .venv", "-m venv --clear .venv"]


def test_below_another_python_it_is_made_anew(clone: Path) -> None:
    environments_made(clone)
    note = clone / ".venv" / ".installed"
    note.write_text(f"3 1 {clone}\n")

    assert environments_made(clone)[1:] == ["-m venv --clear .venv"]


def test_so_it_is_if_its_python_is_gone(clone: Path) -> None:
    environments_made(clone)
    (clone / ".venv" / "bin" / "python").unlink()

    assert environments_made(clone)[1:] == ["-m venv --clear .venv"]


def test_down_without_an_environment_does_not_claim_that_nothing_runs(clone: Path) -> None:
    (clone / ".viral").mkdir()
    (clone / ".viral" / "stack-id").touch()

    done = make(clone, "down")

    assert done.returncode != 0
    assert "run `make setup` first" in done.stderr


def test_down_where_nothing_was_ever_started_is_fine(clone: Path) -> None:
    done = make(clone, "down")

    assert (done.returncode, done.stdout) == (0, "nothing is running\n")


def test_down_with_an_environment_asks_the_launcher(clone: Path) -> None:
    environments_made(clone)

    assert make(clone, "down").stdout == ".venv/bin/viral down\n"
