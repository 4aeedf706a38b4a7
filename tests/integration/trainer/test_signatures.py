"""What the trainer registers is signed, and leaves the house in a form that OpenSSF's own program checks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner
from viral_common.artefact.files import read_artefact
from viral_common.database.engine import Sessions
from viral_common.events import ModelTrained
from viral_common.registry.versions import Registry
from viral_common.settings import CommonSettings
from viral_common.stores import ledger
from viral_evaluator import cli
from viral_trainer.handlers import Trainer

from tests.integration.trainer.stored_batches import store_batch
from tests.signing import EVALUATOR_PEM, make_trust, write_signers


def test_a_registered_artefact_is_signed_with_its_event_and_batch(
    trainer: Trainer, registry: Registry, db: Sessions, tmp_path: Path
) -> None:
    event = store_batch(db)

    (trained,) = trainer.on_batch_collected(event)

    assert isinstance(trained, ModelTrained)
    artefact = read_artefact(registry.download(trained.artifact_uri, tmp_path), trained.artifact_sha256)
    assert make_trust(tmp_path).check_artefact(artefact.signature, artefact.sha256, event.batch_id, event.id)


@pytest.fixture
def environment(
    settings: CommonSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """An evaluator's, with a key to export with."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, value in (
        ("VIRAL_DATABASE_URL", settings.database_url.get_secret_value()),
        ("VIRAL_RABBITMQ_URL", settings.rabbitmq_url.get_secret_value()),
        ("VIRAL_MLFLOW_URL", settings.mlflow_url),
        ("VIRAL_TRUSTED_SIGNERS", str(write_signers(tmp_path / "signers.toml"))),
        ("VIRAL_EXPORT_KEY", pem),
    ):
        monkeypatch.setenv(name, value)
    return monkeypatch


def export(*arguments: str, expected: int = 0) -> str:
    done = CliRunner().invoke(cli.app, ["export-signature", *arguments])
    assert done.exit_code == expected, done.output
    return done.output


def verify(directory: Path) -> subprocess.CompletedProcess[str]:
    """As anybody would who has `model-signing` and nothing of this product."""
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(directory)]
    options = ["--signature", str(directory / "model.sig"), "--public_key", str(directory / "model.pub")]
    return subprocess.run([*command, *options], capture_output=True, text=True)


def test_an_exported_signature_is_accepted_by_openssfs_program_until_a_byte_changes(
    trainer: Trainer, db: Sessions, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    trainer.on_batch_collected(store_batch(db))
    with db() as session:
        (version,) = ledger.list_versions(session)
    assert "no model has been promoted yet" in export("--out", str(tmp_path / "none"), expected=2)

    output = export(str(version), "--out", str(tmp_path / "model"))

    assert "model_signing verify key" in output
    accepted = verify(tmp_path / "model")
    assert accepted.returncode == 0, accepted.stderr
    assert not list((tmp_path / "model").glob("*.pem"))
    with (tmp_path / "model" / "model.onnx").open("ab") as file:
        file.write(b"!")
    assert re.search(r"Hash mismatch for \W+model\.onnx", verify(tmp_path / "model").stderr)
    assert "is no empty folder" in export(str(version), "--out", str(tmp_path / "model"), expected=2)


def test_without_a_fitting_key_an_export_is_refused_in_one_line(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("VIRAL_EXPORT_KEY", EVALUATOR_PEM)
    assert "is not of an elliptic curve" in export("--out", str(tmp_path / "model"), expected=2)
    environment.setenv("VIRAL_EXPORT_KEY", "garbage")
    assert "VIRAL_EXPORT_KEY is no private key" in export("--out", str(tmp_path / "model"), expected=2)
    environment.delenv("VIRAL_EXPORT_KEY")
    assert "`viral keys new export` makes a key" in export("--out", str(tmp_path / "model"), expected=2)
