"""Write an artefact with a signature that others can check, by OpenSSF's `model_signing verify`."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from viral_common.artefact.files import read_artefact
from viral_common.database.tables import Training
from viral_common.errors import UsageError
from viral_common.registry.versions import Registry
from viral_common.settings import load_settings
from viral_common.signing.trust import make_trust
from viral_common.stores import ledger

from viral_evaluator.by_hand import console, open_database
from viral_evaluator.settings import EvaluatorSettings

SIGNATURE, PUBLIC_KEY = "model.sig", "model.pub"


def export_signature(version: int | None, out: Path) -> None:
    """Write the version's files (default: the champion's) into an empty folder, with signature and public key."""
    settings = load_settings(EvaluatorSettings)
    pem, public_key = _read_key(settings)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is no empty folder")
    training = _find_training(settings, version)
    with TemporaryDirectory() as scratch:
        directory = Registry(settings.mlflow_url).download(training.artifact_uri, Path(scratch))
        artefact = read_artefact(directory, training.artifact_sha256)
        make_trust(settings).check_artefact(
            artefact.signature, artefact.sha256, training.batch_id, training.event_id
        )
        shutil.copytree(directory, out, dirs_exist_ok=True)
        (out / PUBLIC_KEY).write_bytes(public_key)
        # The library reads a key from a file alone; this folder is nobody else's, and goes.
        key = Path(scratch) / "key.pem"
        key.write_text(pem)
        _sign(out, key)
    console.print(f"version {training.model_version} is in {out}; others check it by")
    console.print(
        f"model_signing verify key {out} --signature {out / SIGNATURE} --public_key {out / PUBLIC_KEY}"
    )


def _read_key(settings: EvaluatorSettings) -> tuple[str, bytes]:
    """Read the key to export with, and its public half as PEM."""
    if settings.export_key is None:
        raise UsageError("VIRAL_EXPORT_KEY is not set: `viral keys new export` makes a key")
    pem = settings.export_key.get_secret_value()
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise UsageError("VIRAL_EXPORT_KEY is no private key: `viral keys new export` makes one") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise UsageError(
            "VIRAL_EXPORT_KEY is not of an elliptic curve, as model_signing needs: `viral keys new export` makes one"
        )
    return pem, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _find_training(settings: EvaluatorSettings, version: int | None) -> Training:
    with open_database(settings)() as session:
        if version is None:
            if (champion := ledger.find_champion(session)) is None:
                raise UsageError("no model has been promoted yet: name a version")
            version = champion.model_version
        if (training := ledger.find_training_by_version(session, version)) is None:
            known = ", ".join(map(str, ledger.list_versions(session))) or "none"
            raise UsageError(f"version {version} does not exist; known versions: {known}")
        return training


def _sign(directory: Path, key: Path) -> None:
    try:
        from model_signing import hashing, signing
    except ImportError as error:
        raise UsageError("this needs model-signing: pip install 'viral-tweets[signing]'") from error
    hashed = hashing.Config().set_ignored_paths(paths=[SIGNATURE])
    signer = signing.Config().use_elliptic_key_signer(private_key=key)
    signer.set_hashing_config(hashed).sign(directory, directory / SIGNATURE)
