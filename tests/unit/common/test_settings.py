"""Addresses of servers as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings, load_settings
from viral_evaluator.settings import EvaluatorSettings
from viral_local.private_files import write_private
from viral_local.settings import LocalSettings
from viral_scraper.sources.x.source import XSettings
from viral_trainer.settings import TrainerSettings


@pytest.mark.parametrize("address", ["postgres://me:pw@db/tweets", "postgresql+psycopg://me:pw@db/tweets"])
def test_an_address_for_another_driver_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("VIRAL_DATABASE_URL", address)
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://me:pw@broker/")

    for settings in (CommonSettings, LocalSettings):
        with pytest.raises(
            UsageError, match=r"VIRAL_DATABASE_URL: .*it must begin with postgresql://"
        ) as refused:
            load_settings(settings)
        assert "pw" not in str(refused.value)


def test_a_server_left_blank_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "RABBITMQ_URL", "MLFLOW_URL"):
        monkeypatch.setenv(f"VIRAL_{name}", "")

    settings = load_settings(LocalSettings)

    assert (settings.database_url, settings.rabbitmq_url, settings.mlflow_url) == (None, None, None)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the trainer's password at RabbitMQ, and addresses that name nobody."""
    monkeypatch.setenv("VIRAL_ALLOW_PLAIN", "true")
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://ada:hers@db/tweets")
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://broker:5673/%2F")
    monkeypatch.setenv("VIRAL_SECRETS_DIR", str(tmp_path))
    own = tmp_path / "trainer"
    own.mkdir()
    write_private(own / "viral_rabbitmq_password", "p/w@1\n")
    write_private(own / "viral_database_password", "other")
    return tmp_path


def test_a_password_comes_from_the_accounts_own_file(secrets: Path) -> None:
    settings = load_settings(TrainerSettings)

    assert settings.rabbitmq_url.get_secret_value() == "amqp://trainer:p%2Fw%401@broker:5673/%2F"
    assert settings.database_url.get_secret_value() == "postgresql://ada:hers@db/tweets"
    assert "p/w" not in repr(settings) + str(settings)
    assert load_settings(EvaluatorSettings).rabbitmq_url.get_secret_value() == "amqp://broker:5673/%2F"


def test_a_folder_of_ones_own_secrets_alone_needs_no_subfolder(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRAL_SECRETS_DIR", str(secrets / "trainer"))

    assert "trainer:" in load_settings(TrainerSettings).rabbitmq_url.get_secret_value()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_secret_that_others_may_read_is_refused(secrets: Path, mode: int) -> None:
    (secrets / "trainer" / "viral_rabbitmq_password").chmod(mode)

    with pytest.raises(
        UsageError, match=r"viral_rabbitmq_password is a secret that others may read: chmod 600"
    ):
        load_settings(TrainerSettings)


def test_a_missing_folder_of_secrets_is_named(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_SECRETS_DIR", str(secrets / "none"))

    with pytest.raises(UsageError, match=r"VIRAL_SECRETS_DIR: .*none is no folder"):
        load_settings(TrainerSettings)


def test_a_sources_secret_comes_from_the_scrapers_file(secrets: Path) -> None:
    (secrets / "scraper").mkdir()
    write_private(secrets / "scraper" / "viral_x_bearer_token", "token")

    assert load_settings(XSettings).bearer_token.get_secret_value() == "token"


def test_the_one_machine_stacks_secrets_are_found_where_its_data_is(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VIRAL_SECRETS_DIR")
    monkeypatch.setattr("viral_common.settings.STACKS_SECRETS", secrets.name)
    monkeypatch.setenv("VIRAL_DATA_DIR", str(secrets.parent))

    assert "trainer:" in load_settings(TrainerSettings).rabbitmq_url.get_secret_value()
