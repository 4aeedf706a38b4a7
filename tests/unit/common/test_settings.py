"""Addresses of servers as people write them."""

from __future__ import annotations

import pytest
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings, load_settings
from viral_local.settings import LocalSettings


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
