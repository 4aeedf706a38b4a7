"""Whoever can write into Postgres or MLflow, but has no key, does not decide what a gateway serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from viral_common.artefact.files import SIGNATURE
from viral_common.settings import CommonSettings

from tests.factories import make_artefact
from tests.integration.gateway.processes import GatewayProcess, Promoter, soon
from tests.integration.gateway.test_bad_artefacts import has_refused
from tests.signing import EVALUATOR, TRAINER

Start = Callable[..., GatewayProcess]


@pytest.fixture
def gateway(settings: CommonSettings, tmp_path: Path) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(settings, tmp_path / "gateway.log", VIRAL_RECONCILE_S="1")
    yield gateway
    gateway.stop()


def forge(promoter: Promoter, columns: str) -> int:
    """Copy the first promotion into a row of a high number, changed as `columns` say."""
    with promoter.service.sessions.begin() as session:
        seq: int = session.execute(
            text(
                "INSERT INTO promotions (seq, event_id, batch_id, model_version, mlflow_run_id, artifact_uri,"
                " artifact_sha256, reason, metrics, signed_by, signature, promoted_at)"
                " SELECT (SELECT max(seq) + 1000 FROM promotions), gen_random_uuid(),"
                " batch_id, model_version, mlflow_run_id, artifact_uri,"
                f" artifact_sha256, reason, metrics, {columns}, promoted_at FROM promotions"
                " ORDER BY seq LIMIT 1 RETURNING seq"
            )
        ).scalar_one()
        return seq


def test_rows_and_artefacts_of_somebody_without_a_key_are_refused_while_the_old_model_serves(
    gateway: GatewayProcess, promoter: Promoter, tmp_path: Path
) -> None:
    good, _ = promoter.register(bias=0.25)
    promoter.promote(good)
    soon(lambda: gateway.version() == good.model_version)
    assert gateway.http.get("/v1/model").json()["signed"] is True
    assert "unsigned" not in gateway.http.get("/").text

    def expect_refusal(seq: int, reason: str) -> None:
        soon(lambda: has_refused(gateway, seq))
        assert reason in gateway.ready().json()["refused"]["reason"]
        assert gateway.version() == good.model_version

    for columns, reason in (
        ("NULL, NULL", "the promotion is not signed"),
        ("signed_by, signature", "the promotion has a wrong signature"),
        (f"'{TRAINER.key_id}', signature", "only the evaluator may"),
        ("'0123456789abcdef', signature", "not trusted"),
    ):
        expect_refusal(forge(promoter, columns), reason)

    forgeries: list[tuple[Callable[[str], bytes], str]] = [
        (lambda sha: EVALUATOR.sign_artefact(sha, uuid4(), promoter.batch_id), "only the trainer may"),
        (lambda sha: TRAINER.sign_artefact(sha, uuid4(), uuid4()), "its batch_id is not"),
        (lambda _: b"garbage", "manifest.sig cannot be read"),
        (lambda _: b" " * 100_000, "more than 4,096 bytes"),
    ]
    for number, (sign, reason) in enumerate(forgeries):
        artefact = make_artefact(tmp_path / f"forged-{number}" / "artefact", bias=1.0)
        (artefact.directory / SIGNATURE).write_bytes(sign(artefact.sha256))
        expect_refusal(promoter.promote(promoter.register_made(artefact)), reason)

    honest, _ = promoter.register(bias=-1.0)
    promoter.promote(honest)
    soon(lambda: gateway.version() == honest.model_version)
    assert gateway.ready().json()["refused"] is None


def test_without_signers_it_does_not_start_and_where_it_is_allowed_it_says_unsigned(
    settings: CommonSettings, promoter: Promoter, tmp_path: Path
) -> None:
    log = tmp_path / "refused.log"
    with pytest.raises(AssertionError):
        GatewayProcess(settings, log, VIRAL_TRUSTED_SIGNERS=str(tmp_path / "none"))
    assert "VIRAL_TRUSTED_SIGNERS: " in log.read_text()
    assert "Traceback" not in log.read_text()

    registered, _ = promoter.register(bias=0.25)
    promoter.promote(registered)
    forge(promoter, "NULL, NULL")
    gateway = GatewayProcess(settings, tmp_path / "gateway.log", VIRAL_ALLOW_UNSIGNED="true")
    try:
        soon(lambda: gateway.version() == registered.model_version)
        assert gateway.http.get("/v1/model").json()["signed"] is False
        assert ">unsigned</span>" in gateway.http.get("/").text
    finally:
        gateway.stop()
