"""A gateway asks who signed before it fetches, before it loads, and before it restores from its cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient
from viral_common.artefact.files import SIGNATURE, write_manifest
from viral_common.errors import SignersUnreadable
from viral_common.signing.signer import Signer
from viral_common.stores.champion import Champion
from viral_gateway.app import create_app

from tests.signing import EVALUATOR, TRAINER, make_trust, make_trusted, sign_promotion, write_signers
from tests.unit.gateway.fakes import BATCH_ID, FakeGateway
from tests.unit.gateway.swapper_harness import SwapperHarness


@pytest.fixture
def harness(tmp_path: Path) -> SwapperHarness:
    """Believes the tests' trainer and evaluator alone."""
    return SwapperHarness(tmp_path, make_trust(tmp_path))


def train(
    harness: SwapperHarness, version: int, signer: Signer = TRAINER, batch_id: UUID = BATCH_ID
) -> Champion:
    """An artefact signed by the trainer, and its promotion, not signed yet."""
    model = harness.mlflow.train(version)
    signature = signer.sign_artefact(model.artifact_sha256, uuid4(), batch_id)
    (harness.mlflow.directory / str(version) / SIGNATURE).write_bytes(signature)
    return model


def take_refusal(harness: SwapperHarness) -> str:
    assert harness.holder.refused is not None
    assert harness.version == 1
    return harness.holder.refused.reason


@pytest.fixture
def serving(harness: SwapperHarness) -> SwapperHarness:
    """Version 1 serves."""
    harness.swapper.offer(sign_promotion(train(harness, 1)))
    assert harness.version == 1
    assert harness.holder.get_serving().signed
    return harness


def test_a_promotion_that_nobody_signed_is_refused_before_anything_is_fetched(
    serving: SwapperHarness,
) -> None:
    serving.swapper.offer(train(serving, 2))

    assert take_refusal(serving) == "the promotion is not signed"
    assert serving.mlflow.downloads == 1


@pytest.mark.parametrize(
    "fields", [{"promotion_seq": 99}, {"precision": "int8"}, {"artifact_sha256": "c" * 64}]
)
def test_a_signed_promotion_moved_to_another_row_is_refused(
    serving: SwapperHarness, fields: dict[str, Any]
) -> None:
    signed = sign_promotion(train(serving, 2))

    serving.swapper.offer(signed.model_copy(update=fields))

    assert take_refusal(serving) == "the promotion has a wrong signature"
    assert serving.mlflow.downloads == 1


def test_the_present_model_under_a_forged_promotion_is_refused_too(serving: SwapperHarness) -> None:
    present = serving.holder.get_serving().model

    serving.swapper.offer(present.model_copy(update={"promotion_seq": 99, "signature": None}))

    assert take_refusal(serving) == "the promotion is not signed"
    assert serving.holder.get_serving().model == present


def test_a_promotion_signed_by_the_trainers_key_is_refused(serving: SwapperHarness) -> None:
    serving.swapper.offer(sign_promotion(train(serving, 2), TRAINER))

    assert take_refusal(serving).endswith("of the trainer: only the evaluator may")


def test_an_artefact_swapped_behind_a_signed_promotion_is_refused(serving: SwapperHarness) -> None:
    promotion = sign_promotion(train(serving, 2))
    directory = serving.mlflow.directory / "2"
    (directory / "model.onnx").write_text('{"version": 66}')
    write_manifest(directory)

    serving.swapper.offer(promotion)

    assert "announced was" in take_refusal(serving)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "it has no manifest.sig"),
        (lambda path: path.write_bytes(b""), "manifest.sig cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "manifest.sig cannot be read"),
        (lambda path: path.write_bytes(b" " * 5000), "more than 4,096 bytes"),
    ],
    ids=["missing", "empty", "cut", "huge"],
)
def test_an_artefact_without_a_sound_manifest_sig_is_refused_before_it_is_tried(
    serving: SwapperHarness, spoil: Any, reason: str
) -> None:
    promotion = sign_promotion(train(serving, 2))
    spoil(serving.mlflow.directory / "2" / SIGNATURE)

    serving.swapper.offer(promotion)

    assert reason in take_refusal(serving)
    assert promotion.artifact_sha256 not in serving.tried


def test_a_manifest_sig_by_the_evaluator_or_of_another_batch_is_refused(serving: SwapperHarness) -> None:
    serving.swapper.offer(sign_promotion(train(serving, 2, EVALUATOR)))
    assert "only the trainer may" in take_refusal(serving)

    serving.swapper.offer(sign_promotion(train(serving, 3, batch_id=uuid4())))
    assert "its batch_id is not" in take_refusal(serving)
    assert len(serving.tried) == 1


def test_the_last_good_model_is_restored_only_if_it_is_still_signed(
    serving: SwapperHarness, tmp_path: Path
) -> None:
    serving.swapper.offer(sign_promotion(train(serving, 2)))
    note = serving.cache.get_directory(serving.holder.get_serving().model).with_suffix(".json")
    note.write_text(note.read_text().replace('"promotion_seq": 2', '"promotion_seq": 3'))

    serving.restart(tmp_path)
    serving.swapper.restore()
    assert (serving.version, serving.holder.get_serving().signed) == (1, True)

    write_signers(tmp_path / "signers.toml", make_trusted("evaluator"))
    serving.restart(tmp_path)
    serving.swapper.restore()
    assert serving.version is None


def test_an_artefact_put_into_the_cache_by_somebody_else_is_not_restored(
    serving: SwapperHarness, tmp_path: Path
) -> None:
    model = serving.holder.get_serving().model
    directory = serving.cache.get_directory(model)
    (directory / "model.onnx").write_text('{"version": 66}')
    digest = write_manifest(directory)
    note = directory.with_suffix(".json")
    note.write_text(note.read_text().replace(model.artifact_sha256, digest))

    serving.restart(tmp_path)
    serving.swapper.restore()

    assert serving.version is None


def test_a_damaged_file_of_signers_keeps_the_old_model_and_refuses_nobody(
    serving: SwapperHarness, tmp_path: Path
) -> None:
    second = sign_promotion(train(serving, 2))
    (tmp_path / "signers.toml").write_text("garbage")

    with pytest.raises(SignersUnreadable):
        serving.swapper.offer(second)

    assert (serving.version, serving.holder.refused) == (1, None)
    write_signers(tmp_path / "signers.toml")
    serving.swapper.offer(second)
    assert serving.version == 2


def test_after_a_rotation_both_the_old_key_and_the_new_one_serve(
    serving: SwapperHarness, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from viral_local.signing_keys import retire_key

    new = Ed25519PrivateKey.generate()
    added = make_trusted("trainer").from_key(
        new.public_key(), "evaluator", make_trusted("trainer").valid_from
    )
    old_promotion = sign_promotion(train(serving, 2))
    write_signers(tmp_path / "signers.toml", make_trusted("trainer"), make_trusted("evaluator"), added)
    retire_key(EVALUATOR.key_id, old_promotion.promoted_at, tmp_path / "signers.toml")

    serving.swapper.offer(old_promotion)
    assert "not valid then" in take_refusal(serving)
    serving.swapper.offer(sign_promotion(train(serving, 3), Signer(new)))
    assert serving.version == 3


def test_where_it_is_allowed_an_unsigned_model_serves_and_is_called_so(tmp_path: Path) -> None:
    harness = SwapperHarness(tmp_path, make_trust(tmp_path, allow_unsigned=True))

    harness.swapper.offer(harness.mlflow.train(1))
    assert not harness.holder.get_serving().signed
    harness.swapper.offer(train(harness, 2))
    assert not harness.holder.get_serving().signed
    harness.swapper.offer(sign_promotion(train(harness, 3)))
    assert harness.holder.get_serving().signed


@pytest.mark.parametrize("signed", [True, False])
def test_pages_and_api_say_unsigned_of_an_unsigned_model_alone(signed: bool) -> None:
    gateway = FakeGateway(signed=signed)
    gateway.serve(3)
    client = TestClient(create_app(gateway.build()))

    assert client.get("/v1/model").json()["signed"] is signed
    for page in ("/", "/pipeline"):
        assert (">unsigned</span>" in client.get(page).text) is not signed
