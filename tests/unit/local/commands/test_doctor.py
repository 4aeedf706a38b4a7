"""What `viral doctor` finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from viral_local.commands.doctor import Finding, examine
from viral_local.settings import LocalSettings

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def findings(tmp_path: Path, **given: object) -> list[Finding]:
    known = {"server": lambda: SERVER, "free": lambda _: True, "left": list}
    return examine(LocalSettings(data_dir=tmp_path), running=False, **{**known, **given})  # type: ignore[arg-type]


def test_a_machine_that_has_everything_passes(tmp_path: Path) -> None:
    assert all(finding.ok for finding in findings(tmp_path))


def test_a_missing_rabbitmq_names_the_alternatives(tmp_path: Path) -> None:
    [wrong] = [finding for finding in findings(tmp_path, server=lambda: None) if finding.ok is False]

    assert "make setup" in wrong.line
    assert "VIRAL_RABBITMQ_URL" in wrong.line


def test_a_given_rabbitmq_need_not_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://somebody@elsewhere/")

    assert all(finding.ok for finding in findings(tmp_path, server=lambda: None))


def test_ports_in_use_are_named_but_stop_nothing(tmp_path: Path) -> None:
    [noted] = [finding for finding in findings(tmp_path, free=lambda port: port != 5000) if not finding.ok]

    assert noted.ok is None
    assert "5000 (mlflow)" in noted.line


def test_data_of_a_deleted_stack_is_named(tmp_path: Path) -> None:
    gone = [(Path("/var/lib/viral/abc"), Path("/clone/.viral"))]

    [noted] = [finding for finding in findings(tmp_path, left=lambda: gone) if not finding.ok]

    assert "/var/lib/viral/abc" in noted.line
    assert "/clone/.viral" in noted.line
