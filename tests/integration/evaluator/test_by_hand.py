"""Promoted and rolled back by a person. Postgres is real; the models are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result
from viral_common.database.engine import Sessions
from viral_common.errors import ServerAway, UsageError
from viral_common.settings import CommonSettings
from viral_common.stores import ledger
from viral_common.stores.audit import read_newest_acts
from viral_evaluator import by_hand, cli
from viral_evaluator.handlers import Evaluator
from viral_evaluator.promotion import find_replaced_champion, promote_by_hand

from tests.integration.evaluator.rows import store_training
from tests.signing import EVALUATOR_PEM
from tests.unit.evaluator.fakes import FakeModels


def test_by_hand_a_version_is_promoted_and_rolled_back(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 2.0, "model 2": 0.5}
    for version in (1, 2):
        evaluator.on_model_trained(store_training(db, version))

    with db.begin() as session:
        forward = promote_by_hand(session, 2, "we like it")
    with db.begin() as session:
        before = find_replaced_champion(session)
        back = promote_by_hand(session, before.model_version, "rolled back")

    assert (forward.model_version, forward.reason, forward.note) == (2, "manual", "we like it")
    assert (back.model_version, back.previous_version) == (1, 2)
    assert back.seq == forward.seq + 1
    with db() as session:
        champion = ledger.find_champion(session)
    assert champion
    assert champion.seq == back.seq


def test_by_hand_a_version_is_served_as_its_verdict_says_unless_told_otherwise(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill, models.int8 = {"model 1": 0.5, "model 2": 2.0}, {"model 1": 0.5}
    for version in (1, 2):
        evaluator.on_model_trained(store_training(db, version))

    with db.begin() as session:
        promoted = [
            promote_by_hand(session, 1, "as judged"),
            promote_by_hand(session, 1, "an old processor", "fp32"),
        ]
        before = find_replaced_champion(session)

    assert [(one.model_version, one.precision) for one in promoted] == [(1, "int8"), (1, "fp32")]
    assert (before.model_version, before.precision) == (1, "int8")


def test_by_hand_what_cannot_be_is_said_in_one_line(db: Sessions) -> None:
    store_training(db, 1)
    with db.begin() as session:
        with pytest.raises(UsageError, match="version 7 does not exist; known versions: 1"):
            promote_by_hand(session, 7, "why not")
        with pytest.raises(UsageError, match="no earlier champion"):
            find_replaced_champion(session)
        promote_by_hand(session, 1, "a start")
        with pytest.raises(UsageError, match="version 1 is the champion already"):
            promote_by_hand(session, 1, "again")
        with pytest.raises(UsageError, match="version 1 was never scored in int8"):
            promote_by_hand(session, 1, "smaller", "int8")


Command = Callable[..., Result]


@pytest.fixture
def command(settings: CommonSettings, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`viral-evaluator` with these arguments; RabbitMQ is away, and MLflow knows the versions 1 and 2."""

    class Away:
        def __init__(self, *_: object) -> None:
            raise ServerAway("RabbitMQ at [rabbit] :key: does not answer")

    class OfTwoVersions:
        def __init__(self, *_: object) -> None:
            pass

        def get_version(self, version: int) -> None:
            if version > 2:
                raise UsageError(f"tweet-virality has no version {version}")

    monkeypatch.setattr(by_hand, "configure_logging", lambda *_: None)
    monkeypatch.setattr(by_hand, "Registry", OfTwoVersions)
    monkeypatch.setattr(by_hand, "Relay", Away)
    environment = {
        "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "VIRAL_MLFLOW_URL": settings.mlflow_url,
        "VIRAL_SIGNING_KEY": EVALUATOR_PEM,
    }
    return lambda *arguments: CliRunner().invoke(cli.app, arguments, env=environment)


def test_the_command_says_what_it_did_and_what_is_told_later(db: Sessions, command: Command) -> None:
    store_training(db, 1)

    result = command("promote", "1", "--reason", "we like it")

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "version 1 is the champion (promotion 1, in fp32)",
        "a running evaluator will do the rest: RabbitMQ at [rabbit] :key: does not answer",
    ]


def test_the_audit_says_what_was_done_and_why(db: Sessions, command: Command) -> None:
    for version in (1, 2):
        store_training(db, version)
        command("promote", str(version), "--reason", f"we like {version}")

    command("rollback", "--reason", "complaints")
    command("promote", "7", "--reason", "there is none")

    with db() as session:
        back, forward, _ = read_newest_acts(session, 9)
    assert (forward.action, forward.subject, forward.reason) == ("promote", "version 2", "we like 2")
    assert (forward.before, forward.after) == (
        {"version": 1},
        {"version": 2, "promotion": 2, "precision": "fp32"},
    )
    assert (back.action, back.subject, back.reason) == ("roll back", "version 1", "complaints")


def test_what_was_deleted_in_mlflow_is_not_promoted(db: Sessions, command: Command) -> None:
    store_training(db, 3)

    result = command("promote", "3", "--reason", "we like it")

    assert result.exit_code == 2
    assert "tweet-virality has no version 3" in result.output
    with db() as session:
        assert ledger.find_champion(session) is None


@pytest.mark.parametrize("arguments", [("promote", "1", "--reason", "why not"), ("rollback",)])
def test_without_the_tables_a_command_says_how_to_make_them(
    db: Sessions, command: Command, arguments: tuple[str, ...]
) -> None:
    with db.begin() as session:
        session.execute(text("DROP TABLE alembic_version, promotions CASCADE"))

    result = command(*arguments)

    assert result.exit_code == 2
    assert "run `viral servers prepare`" in result.output
