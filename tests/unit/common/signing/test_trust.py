"""Whoever forges, swaps, replays, backdates or garbles a signature is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from viral_common.errors import SignatureError, SignersUnreadable, UsageError
from viral_common.settings import load_settings
from viral_common.signing.settings import SigningSettings, TrustSettings
from viral_common.signing.signer import Signer, make_signer
from viral_common.signing.statements import ArtefactStatement, ManifestSignature
from viral_common.signing.trust import Trust, make_trust
from viral_common.stores.champion import Champion

from tests import signing
from tests.signing import EVALUATOR, EVALUATOR_PEM, TRAINER, make_trusted, sign_promotion, write_signers

SHA, OTHER_SHA = "a" * 64, "b" * 64
EVENT, BATCH, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MANIFEST_SIG = TRAINER.sign_artefact(SHA, EVENT, BATCH)
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"s" * 32))


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return signing.make_trust(tmp_path)


def sign_at(signer: Signer, at: datetime) -> bytes:
    statement = ArtefactStatement(artifact_sha256=SHA, event_id=EVENT, batch_id=BATCH, signed_at=at)
    signature = ManifestSignature(key_id=signer.key_id, statement=statement, signature=signer.sign(statement))
    return signature.model_dump_json().encode()


def change(**fields: Any) -> bytes:
    return json.dumps(json.loads(MANIFEST_SIG) | fields).encode()


def change_statement(**fields: Any) -> bytes:
    return change(statement=json.loads(MANIFEST_SIG)["statement"] | fields)


def test_what_the_trainer_signed_is_believed(trust: Trust) -> None:
    assert trust.check_artefact(MANIFEST_SIG, SHA, BATCH, EVENT)


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ((OTHER_SHA, BATCH, EVENT), "artifact_sha256"),
        ((SHA, OTHER, EVENT), "batch_id"),
        ((SHA, BATCH, OTHER), "event_id"),
    ],
)
def test_the_signature_of_another_artefact_batch_or_event_is_refused(
    trust: Trust, expected: tuple[str, UUID, UUID], name: str
) -> None:
    with pytest.raises(SignatureError, match=f"of another artefact: its {name} is not"):
        trust.check_artefact(MANIFEST_SIG, *expected)


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (None, "not signed"),
        (b"", "cannot be read"),
        (MANIFEST_SIG[:-20], "cannot be read"),
        (b"[" * 4096, "cannot be read"),
        (b"\xff\x00", "cannot be read"),
        (change(more=1), "cannot be read"),
        (change_statement(more=1), "cannot be read"),
        (change_statement(signed_at="0001-01-01T00:00:00+23:59"), "cannot be read"),
        (change_statement(signed_at="9999-12-31T23:59:59-23:59"), "cannot be read"),
        (change(signature="A" * 129), "cannot be read"),
        (change(signature="no base64!"), "wrong signature"),
        (change(signature=""), "wrong signature"),
        (change(signature="A" * 88), "wrong signature"),
        (change_statement(artifact_sha256=OTHER_SHA), "wrong signature"),
        (change_statement(batch_id=str(OTHER)), "wrong signature"),
        (change_statement(signed_at="2021-01-01T00:00:00Z"), "wrong signature"),
        (change(key_id=EVALUATOR.key_id), "only the trainer may"),
        (change(key_id=STRANGER.key_id), "not trusted"),
        (EVALUATOR.sign_artefact(SHA, EVENT, BATCH), "only the trainer may"),
        (STRANGER.sign_artefact(SHA, EVENT, BATCH), "not trusted"),
        (sign_at(TRAINER, datetime(2019, 12, 31, tzinfo=UTC)), "not valid then"),
    ],
)
def test_a_forged_or_garbled_manifest_sig_is_refused_in_one_line(
    trust: Trust, forged: bytes | None, reason: str
) -> None:
    with pytest.raises(SignatureError, match=reason) as refusal:
        trust.check_artefact(forged, SHA, BATCH, EVENT)

    assert "\n" not in str(refusal.value)
    assert Trust(trust.signers, allow_unsigned=True).check_artefact(forged, SHA, BATCH, EVENT) is False


def make_promotion(signer: Signer | None = EVALUATOR) -> Champion:
    promotion = Champion(
        event_id=EVENT,
        model_version=7,
        previous_version=6,
        promotion_seq=9,
        mlflow_run_id="run",
        batch_id=BATCH,
        artifact_uri="mlflow-artifacts:/1",
        artifact_sha256=SHA,
        reason="better",
        metrics={},
        promoted_at=NOON,
    )
    return sign_promotion(promotion, signer) if signer else promotion


def test_what_the_evaluator_signed_is_believed_in_any_time_zone(trust: Trust) -> None:
    promotion = make_promotion()

    elsewhere = promotion.promoted_at.astimezone(tz=datetime.now().astimezone().tzinfo) - timedelta(0)

    assert trust.check_promotion(promotion)
    assert trust.check_promotion(promotion.model_copy(update={"promoted_at": elsewhere}))


@pytest.mark.parametrize(
    "forged",
    [
        {"promotion_seq": 10},
        {"model_version": 8},
        {"previous_version": None},
        {"artifact_sha256": OTHER_SHA},
        {"precision": "int8"},
        {"batch_id": OTHER},
        {"promoted_at": NOON + timedelta(microseconds=1)},
        {"signature": make_promotion(TRAINER).signature},
        {"signature": "not base64"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_promotion_that_was_changed_after_it_was_signed_is_refused(
    trust: Trust, forged: dict[str, Any]
) -> None:
    with pytest.raises(SignatureError, match="the promotion has a wrong signature"):
        trust.check_promotion(make_promotion().model_copy(update=forged))


@pytest.mark.parametrize(
    ("promotion", "reason"),
    [
        (make_promotion(None), "the promotion is not signed"),
        (make_promotion(TRAINER), "only the evaluator may"),
        (make_promotion(STRANGER), "not trusted"),
        (make_promotion().model_copy(update={"signature": None}), "the promotion is not signed"),
        (make_promotion().model_copy(update={"artifact_sha256": "x"}), "none that an evaluator signs"),
    ],
)
def test_a_promotion_by_anybody_else_is_refused(trust: Trust, promotion: Champion, reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        trust.check_promotion(promotion)


def test_a_retired_key_counts_for_what_it_signed_before(tmp_path: Path) -> None:
    trust = signing.make_trust(tmp_path, make_trusted("trainer", valid_until=NOON))

    assert trust.check_artefact(sign_at(TRAINER, NOON - timedelta(seconds=1)), SHA, BATCH)
    with pytest.raises(SignatureError, match=r"signed at 2026-11-23 12:00:00 by the key .* not valid then"):
        trust.check_artefact(sign_at(TRAINER, NOON), SHA, BATCH)


def test_the_file_of_signers_is_read_again_when_it_changes(tmp_path: Path) -> None:
    trust = signing.make_trust(tmp_path, make_trusted("evaluator"))
    with pytest.raises(SignatureError, match="not trusted"):
        trust.check_artefact(MANIFEST_SIG, SHA, BATCH)

    write_signers(tmp_path / "signers.toml")
    assert trust.check_artefact(MANIFEST_SIG, SHA, BATCH)

    write_signers(tmp_path / "signers.toml", make_trusted("evaluator"))
    with pytest.raises(SignatureError, match="not trusted"):
        trust.check_artefact(MANIFEST_SIG, SHA, BATCH)


SOUND = make_trusted("trainer")
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (Path.unlink, "cannot be read"),
    "garbage": (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is no file of trusted signers"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-30]), "is no file of trusted signers"),
    "deep": (lambda path: path.write_text("a = " + "[" * 20_000), "is no file of trusted signers"),
    "huge": (lambda path: path.write_text("#" * 70_000), "longer than 65,536 bytes"),
    "twice": (lambda path: write_signers(path, SOUND, SOUND), "lists a key twice"),
    "other id": (
        lambda path: write_signers(path, SOUND.model_copy(update={"id": EVALUATOR.key_id})),
        "id is not the key's",
    ),
    "no key": (lambda path: write_signers(path, SOUND.model_copy(update={"public_key": "AA=="})), "signers"),
    "role": (lambda path: write_signers(path, SOUND.model_copy(update={"role": "gateway"})), "role"),
    "anybody's": (lambda path: path.chmod(0o666), "may be written by everyone: chmod 644"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_signers_believes_nobody_and_blames_no_artefact(
    tmp_path: Path, damage: str
) -> None:
    trust = signing.make_trust(tmp_path)
    assert trust.check_artefact(MANIFEST_SIG, SHA, BATCH)
    spoil, reason = DAMAGES[damage]
    spoil(tmp_path / "signers.toml")

    for allow_unsigned in (False, True):
        with pytest.raises(SignersUnreadable, match=reason) as refusal:
            Trust(trust.signers, allow_unsigned).check_artefact(MANIFEST_SIG, SHA, BATCH)
        assert "\n" not in str(refusal.value)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("VIRAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://127.0.0.1/x")
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://127.0.0.1/")
    return monkeypatch


def test_without_trusted_signers_a_service_does_not_start_unless_unsigned_is_allowed(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="VIRAL_TRUSTED_SIGNERS is not set"):
        make_trust(load_settings(TrustSettings))

    environment.setenv("VIRAL_TRUSTED_SIGNERS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"VIRAL_TRUSTED_SIGNERS: .*none cannot be read"):
        make_trust(load_settings(TrustSettings))

    environment.delenv("VIRAL_TRUSTED_SIGNERS")
    environment.setenv("VIRAL_ALLOW_UNSIGNED", "true")
    assert make_trust(load_settings(TrustSettings)).check_promotion(make_promotion()) is False


def test_without_a_key_a_service_does_not_start_unless_unsigned_is_allowed(
    environment: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError, match="VIRAL_SIGNING_KEY is not set"):
        make_signer(load_settings(SigningSettings))

    for pem in ("garbage", EVALUATOR_PEM[:60], EVALUATOR_PEM.replace("PRIVATE", "PUBLIC")):
        environment.setenv("VIRAL_SIGNING_KEY", pem)
        with pytest.raises(UsageError, match="VIRAL_SIGNING_KEY is no private key"):
            make_signer(load_settings(SigningSettings))

    environment.setenv("VIRAL_SIGNING_KEY", EVALUATOR_PEM)
    signer = make_signer(load_settings(SigningSettings))
    assert signer
    assert signer.key_id == EVALUATOR.key_id
    environment.delenv("VIRAL_SIGNING_KEY")
    environment.setenv("VIRAL_ALLOW_UNSIGNED", "true")
    assert make_signer(load_settings(SigningSettings)) is None
