"""Addresses that name several hosts, in both of libpq's forms."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, make_url
from viral_common.addresses import (
    Account,
    fill_account,
    format_for_sqlalchemy,
    replace_account,
    split_account,
)
from viral_common.encryption import parse_postgres_address, split_hosts
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings, load_settings

HOSTS = {"host": "h1,h2", "port": "5432,5433"}
FORMS = [
    "postgresql://h1:5432,h2:5433/tweets?target_session_attrs=read-write",
    "postgresql:///tweets?host=h1,h2&port=5432,5433&target_session_attrs=read-write",
    "postgresql+psycopg2://h1:5432,h2:5433/tweets?target_session_attrs=read-write",
]


@pytest.mark.parametrize("address", FORMS)
def test_an_account_is_put_in_and_taken_out_of_either_form(address: str) -> None:
    filled = fill_account(address, "trainer", "p/w@1")

    assert parse_postgres_address(filled) == {
        **HOSTS,
        "dbname": "tweets",
        "user": "trainer",
        "password": "p/w@1",
        "target_session_attrs": "read-write",
    }
    bare, account = split_account(filled)
    assert account == Account("trainer", "p/w@1")
    assert parse_postgres_address(bare) == parse_postgres_address(address)
    assert fill_account(filled, "other", "x") == filled
    other = parse_postgres_address(replace_account(filled, Account("viral", "x"), "/mlflow"))
    assert (other["user"], other["dbname"], other["host"]) == ("viral", "mlflow", "h1,h2")


@pytest.mark.parametrize("address", FORMS)
def test_mlflows_library_understands_either_form(address: str) -> None:
    url = make_url(
        format_for_sqlalchemy(fill_account(address, "mlflow", "p/w@1"), options="-csearch_path=mlflow")
    )

    _, asked = create_engine(url).dialect.create_connect_args(url)

    assert {name: asked[name] for name in HOSTS} == HOSTS
    assert (asked["user"], asked["password"], asked["dbname"]) == ("mlflow", "p/w@1", "tweets")
    assert (asked["options"], asked["tcp_user_timeout"]) == ("-csearch_path=mlflow", "15000")


@pytest.mark.parametrize("address", FORMS)
def test_settings_take_either_form(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("VIRAL_ALLOW_PLAIN", "true")
    monkeypatch.setenv("VIRAL_DATABASE_URL", address)
    monkeypatch.setenv("VIRAL_DATABASE_PASSWORD", "pw")
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://h1:5672,h2,[::1]:5672/%2F")

    settings = load_settings(CommonSettings)

    assert parse_postgres_address(settings.database_url.get_secret_value())["user"] == "operator"
    assert split_hosts(settings.rabbitmq_url.get_secret_value()) == [
        "amqp://h1:5672/%2F",
        "amqp://h2/%2F",
        "amqp://[::1]:5672/%2F",
    ]


@pytest.mark.parametrize(
    ("name", "address", "said"),
    [
        ("DATABASE_URL", "postgresql://me:secret@h1:5432;h2/tweets?nonsense=1", "it is no address that"),
        ("RABBITMQ_URL", "amqp://me:secret@h1:5672,h2:port/", "invalid port number"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str, said: str
) -> None:
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://localhost/tweets")
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://localhost/")
    monkeypatch.setenv(f"VIRAL_{name}", address)

    with pytest.raises(UsageError, match=f"VIRAL_{name}: .*{said}") as refused:
        load_settings(CommonSettings)

    assert "secret" not in str(refused.value)
