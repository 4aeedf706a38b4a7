"""systemd units: right for systemd itself, hardened, one account each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner
from viral_local.cli import app
from viral_local.units.install import LIMITS, render_unit

ALL = ",".join(LIMITS)
NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
# From 0, of a process that can do nothing, to 100; what nobody hardened has 96.
EXPOSURE = "25"


def write_units(folder: Path) -> list[str]:
    paths = []
    for name in LIMITS:
        paths.append(str(folder / f"viral-{name}.service"))
        Path(paths[-1]).write_text(render_unit(name, Path("/etc/viral")))
    return paths


@NEEDS_SYSTEMD
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", *write_units(tmp_path)], capture_output=True, text=True, check=False
    )

    # A line of another unit on this machine is not ours.
    assert [line for line in done.stderr.splitlines() if "viral-" in line] == []
    assert done.returncode == 0


@NEEDS_SYSTEMD
def test_systemd_calls_the_units_well_hardened(tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}"]

    done = [
        subprocess.run([*command, path], capture_output=True, text=True, check=False)
        for path in write_units(tmp_path)
    ]

    assert [one.stdout.splitlines()[-1] for one in done if one.returncode] == []


def test_each_unit_runs_its_program_of_this_environment_with_its_own_settings() -> None:
    shown = CliRunner().invoke(app, ["units", "show", "--services", ALL, "--folder", "/srv/viral"]).output

    programs = Path(sys.executable).parent
    lines = shown.splitlines()
    assert [line for line in lines if line.startswith("ExecStart=")] == [
        f"ExecStart={programs}/viral servers start",
        *(f"ExecStart={programs}/viral-{name} run" for name in list(LIMITS)[1:]),
    ]
    assert lines.count("EnvironmentFile=/srv/viral/services.env") == 4
    assert lines.count("EnvironmentFile=/srv/viral/servers.env") == 1
    assert lines.count("Restart=always") == 5
    assert not any("$" in line for line in lines)


def test_what_is_no_service_is_named() -> None:
    result = CliRunner().invoke(app, ["units", "show", "--services", "trainer,trainr"])

    assert result.exit_code == 2
    assert "no service: trainr; there are servers, scraper, trainer, evaluator, gateway" in result.output


@pytest.mark.skipif(os.geteuid() != 0, reason="accounts are made by root")
def test_missing_secrets_are_named_and_nothing_is_made(tmp_path: Path) -> None:
    options = ["--services", "gateway", "--folder", str(tmp_path), "--dir", str(tmp_path)]

    result = CliRunner().invoke(app, ["units", "install", *options])

    assert result.exit_code == 2
    assert f"{tmp_path}/secrets/gateway is missing: copy it from the servers' host" in result.output
    assert list(tmp_path.iterdir()) == []
