"""Keys are made, listed, rotated and retired as a person types it."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typer.testing import CliRunner
from viral_common.errors import SignatureError
from viral_common.signing.signer import Signer
from viral_common.signing.signers_file import TrustedSigners, read_signers
from viral_common.signing.trust import Trust
from viral_local.commands import keys
from viral_local.signing_keys import make_missing_keys

SHA, EVENT, BATCH = "a" * 64, UUID(int=1), UUID(int=2)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIRAL_DATA_DIR", str(tmp_path))
    return tmp_path


def run(*arguments: str, expected: int = 0) -> str:
    done = CliRunner().invoke(keys.keys, arguments)
    assert done.exit_code == expected, done.output
    return done.output


def read_signer(folder: Path, role: str = "trainer") -> Signer:
    return Signer.from_pem((folder / "secrets" / role / "viral_signing_key").read_text())


def trust(folder: Path) -> Trust:
    return Trust(TrustedSigners(folder / "trusted-signers.toml"))


def test_a_new_key_is_nobody_elses_to_read_and_is_trusted_for_its_role(folder: Path) -> None:
    run("new", "trainer")

    path = folder / "secrets" / "trainer" / "viral_signing_key"
    signature = read_signer(folder).sign_artefact(SHA, EVENT, BATCH)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "trusted-signers.toml").stat().st_mode) == 0o644
    assert trust(folder).check_artefact(signature, SHA, BATCH, EVENT)


def test_a_key_is_rotated_without_a_moment_in_which_a_signature_is_refused(folder: Path) -> None:
    run("new", "trainer")
    old = read_signer(folder)
    by_old = old.sign_artefact(SHA, EVENT, BATCH)

    run("new", "trainer")
    new = read_signer(folder)
    by_new = new.sign_artefact(SHA, EVENT, BATCH)
    both = [trust(folder).check_artefact(one, SHA, BATCH, EVENT) for one in (by_old, by_new)]
    run("retire", old.key_id)

    assert both == [True, True]
    assert trust(folder).check_artefact(by_old, SHA, BATCH, EVENT)
    assert trust(folder).check_artefact(by_new, SHA, BATCH, EVENT)
    with pytest.raises(SignatureError, match="not valid then"):
        trust(folder).check_artefact(old.sign_artefact(SHA, EVENT, BATCH), SHA, BATCH, EVENT)
    lines = {line.split()[0]: line.split() for line in run("list").splitlines()[1:]}
    assert lines[old.key_id][1] == lines[new.key_id][1] == "trainer"
    assert (lines[old.key_id][-1], lines[new.key_id][-2:]) == ("-", ["-", "here"])


def test_a_key_is_retired_at_a_time_that_is_named(folder: Path) -> None:
    run("new", "evaluator")
    key_id = read_signer(folder, "evaluator").key_id

    run("retire", key_id, "--at", "2026-12-24")

    (one,) = read_signers(folder / "trusted-signers.toml")
    assert one.valid_until == datetime(2026, 12, 24, tzinfo=UTC)
    assert one.is_valid_at(one.valid_until - timedelta(seconds=1))
    assert not one.is_valid_at(one.valid_until)


def test_what_cannot_be_is_one_line(folder: Path) -> None:
    assert "cannot be read" in run("list", expected=1)
    run("new", "trainer")
    assert "knows no key 0123; `viral keys list` shows all" in run("retire", "0123", expected=2)
    (folder / "trusted-signers.toml").write_text("garbage")
    assert "is no file of trusted signers" in run("new", "trainer", expected=1)


def test_the_key_to_export_with_is_an_elliptic_curves_and_trusted_by_nobody_here(folder: Path) -> None:
    run("new", "export")

    key = load_pem_private_key((folder / "secrets/evaluator/viral_export_key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert not (folder / "trusted-signers.toml").exists()


def test_a_stack_makes_its_keys_once_and_trusts_what_is_there(tmp_path: Path) -> None:
    secrets, signers = tmp_path / "secrets", tmp_path / "trusted-signers.toml"

    make_missing_keys(secrets, signers)
    first = {one.role: one.id for one in read_signers(signers)}
    make_missing_keys(secrets, signers)
    signers.unlink()
    make_missing_keys(secrets, signers)

    assert {one.role: one.id for one in read_signers(signers)} == first
    assert set(first) == {"trainer", "evaluator"}
    assert (secrets / "evaluator/viral_export_key").exists()
