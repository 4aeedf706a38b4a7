"""`viral-gateway keys` makes a key that is nowhere but in the person's hands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner
from viral_gateway.cli import app
from viral_gateway.keys_file import make_digest


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys"
    monkeypatch.setenv("VIRAL_API_KEYS_FILE", str(path))
    return path


def run(*arguments: str) -> tuple[int, list[str], str]:
    result = CliRunner().invoke(app, ["keys", *arguments])
    return result.exit_code, result.stdout.splitlines(), result.stderr


def test_a_new_key_is_printed_once_and_only_its_digest_is_kept(file: Path) -> None:
    code, (key, line), said = run("new", "ada", "--role", "read", "--until", "2027-06-30")

    assert code == 0
    assert len(key) >= 20
    assert line == f"ada read {make_digest(key).hex()} 2027-06-30"
    assert file.read_text() == f"{line}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert key not in said
    assert "not in the audit: VIRAL_DATABASE_URL" in said


def test_without_a_file_the_line_is_there_to_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRAL_API_KEYS_FILE", raising=False)

    code, (_, line), said = run("new", "ada", "--role", "predict")

    assert code == 0
    assert re.fullmatch("ada predict [0-9a-f]{64} -", line)
    assert "belongs into the file" in said


def test_keys_are_listed_and_retired_and_comments_stay(file: Path) -> None:
    file.write_text("# ours\n")
    run("new", "ada", "--role", "read")
    run("new", "bob", "--role", "admin", "--until", "2020-01-01")

    listed = run("list")[1]
    retired = run("retire", "ada")

    assert [line.split()[0] for line in listed] == ["ada", "bob"]
    assert listed[1].endswith("# over")
    assert retired[:2] == (0, ["ada is retired"])
    assert re.fullmatch("# ours\nbob admin [0-9a-f]{64} 2020-01-01\n", file.read_text())
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("new", "ada", "--role", "read"), "has a key named ada"),
        (("new", "a b", "--role", "read"), "a name has up to 64"),
        (("retire", "bob"), "no key named bob"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(file: Path, arguments: tuple[str, ...], reason: str) -> None:
    run("new", "ada", "--role", "read")
    before = file.read_text()

    code, _, said = run(*arguments)

    assert code == 2
    assert reason in said
    assert len(said.splitlines()) == 1
    assert file.read_text() == before


def test_a_broken_file_is_told_in_one_line(file: Path) -> None:
    file.write_text("ada\n")

    code, _, said = run("new", "bob", "--role", "read")

    assert code == 2
    assert "line 1: a line has four fields" in said
