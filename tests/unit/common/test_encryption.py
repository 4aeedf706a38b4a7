"""Plain connections to other machines are refused at start, and failures are told in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner
from viral_common.addresses import split_account
from viral_common.encryption import explain_failure, fill_authority, is_local, split_authority
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings, load_settings
from viral_gateway.settings import GatewaySettings
from viral_local.cli import app

LOCAL = {
    "VIRAL_DATABASE_URL": "postgresql://me:pw@localhost/tweets",
    "VIRAL_RABBITMQ_URL": "amqp://me:pw@127.0.0.1/",
}


@pytest.fixture(autouse=True)
def _local_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LOCAL.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "host", ["", None, "localhost", "127.0.0.1", "127.8.9.10", "::1", "/var/run/postgresql"]
)
def test_this_machine_is_local(host: str | None) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host", ["db", "10.0.0.5", "0.0.0.0", "::", "localhost.example.org", "127.1", "2130706433"]
)
def test_whatever_may_be_another_machine_is_not(host: str) -> None:
    assert not is_local(host)


@pytest.mark.parametrize(
    ("name", "address", "remedy"),
    [
        ("DATABASE_URL", "postgresql://me:pw@db/tweets", "add ?sslmode=verify-full"),
        ("DATABASE_URL", "postgresql://me:pw@db/tweets?sslmode=require", "add ?sslmode=verify-full"),
        ("DATABASE_URL", "postgresql://me:pw@localhost/tweets?host=db", "add ?sslmode=verify-full"),
        ("DATABASE_URL", "postgresql://me:pw@localhost/tweets?hostaddr=10.0.0.5", "add ?sslmode=verify-full"),
        (
            "DATABASE_URL",
            "postgresql://me:pw@db/t?sslmode=verify-full&sslmode=disable",
            "add ?sslmode=verify-full",
        ),
        (
            "DATABASE_URL",
            "postgresql://me:pw@localhost,db:5433/t?target_session_attrs=any",
            "add ?sslmode=verify-full",
        ),
        ("DATABASE_URL", "postgresql://me:pw@/t?host=/tmp,db", "add ?sslmode=verify-full"),
        ("RABBITMQ_URL", "amqp://me:pw@mq/", "write amqps://"),
        ("RABBITMQ_URL", "amqp://me:pw@localhost:5672,mq:5672/", "write amqps://"),
        ("MLFLOW_URL", "http://ml:5000", "write https://"),
        ("MLFLOW_URL", "http://127.0.0.1:5000@ml:5000", "write https://"),
    ],
)
def test_a_plain_connection_to_another_machine_is_refused_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str, remedy: str
) -> None:
    monkeypatch.setenv(f"VIRAL_{name}", address)
    with pytest.raises(UsageError) as refused:
        load_settings(CommonSettings)
    assert f"VIRAL_{name}: the connection to another machine would not be encrypted: {remedy}" in str(
        refused.value
    )
    assert "pw" not in str(refused.value)

    monkeypatch.setenv("VIRAL_ALLOW_PLAIN", "true")
    load_settings(CommonSettings)


def test_encrypted_addresses_carry_the_authority_to_trust(
    monkeypatch: pytest.MonkeyPatch, ca_file: Path
) -> None:
    monkeypatch.setenv("VIRAL_CA_FILE", str(ca_file))
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://db/tweets?sslmode=verify-full")
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqps://mq/%2F?heartbeat=5")
    monkeypatch.setenv("VIRAL_MLFLOW_URL", "https://me:pw@ml:5000/")

    settings = load_settings(CommonSettings)

    database = settings.database_url.get_secret_value()
    assert database == f"postgresql://db/tweets?sslmode=verify-full&sslrootcert={ca_file}"
    broker = split_authority(settings.rabbitmq_url.get_secret_value())
    assert broker == ("amqps://mq/%2F?heartbeat=5", str(ca_file))
    assert split_authority(settings.mlflow_url)[1] == str(ca_file)
    assert split_account(settings.mlflow_url) == ("https://ml:5000", ("me", "pw"))


def test_addresses_of_several_hosts_carry_it_too() -> None:
    database = fill_authority("postgresql:///t?host=a,b&sslmode=verify-full", Path("/ca"))
    broker = fill_authority("amqps://me:pw@a:5671,b:5671/%2F", Path("/ca"))

    assert database == "postgresql:///t?host=a,b&sslmode=verify-full&sslrootcert=/ca"
    assert split_authority(broker) == ("amqps://me:pw@a:5671,b:5671/%2F", "/ca")


def test_an_address_that_names_an_authority_keeps_it() -> None:
    address = "postgresql://db/tweets?sslmode=verify-full&sslrootcert=/mine"

    assert fill_authority(address, Path("/other")) == address


def test_without_a_file_the_system_says_whom_to_trust() -> None:
    assert Path(str(split_authority(fill_authority("amqps://mq/", None))[1])).is_file()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    if content:
        (tmp_path / "ca.crt").write_text(content)
    monkeypatch.setenv("VIRAL_CA_FILE", str(tmp_path / "ca.crt"))

    with pytest.raises(UsageError, match=r"VIRAL_CA_FILE: .*/ca\.crt is no file of certificates"):
        load_settings(CommonSettings)


def test_a_gateway_for_other_machines_encrypts_or_names_who_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_GATEWAY_HOST", "0.0.0.0")
    with pytest.raises(UsageError, match=r"VIRAL_GATEWAY_HOST=0\.0\.0\.0 would serve other machines without"):
        load_settings(GatewaySettings)

    for name, value in (("TRUSTED_PROXIES", "10.0.0.2"), ("ALLOW_PLAIN", "true")):
        with monkeypatch.context() as allowed:
            allowed.setenv(f"VIRAL_{name}", value)
            load_settings(GatewaySettings)
    monkeypatch.setenv("VIRAL_TLS_CERT_FILE", "tls.crt")
    with pytest.raises(UsageError, match="VIRAL_TLS_CERT_FILE and VIRAL_TLS_KEY_FILE belong together"):
        load_settings(GatewaySettings)
    monkeypatch.setenv("VIRAL_TLS_KEY_FILE", "tls.key")
    load_settings(GatewaySettings)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            'server certificate for "localhost" (and 2 other names) does not match host name "db"',
            "for other names",
        ),
        (
            "certificate verify failed: Hostname mismatch, certificate is not valid for 'db'.",
            "for other names",
        ),
        ("certificate verify failed: IP address mismatch", "for other names"),
        ("certificate verify failed: certificate has expired", "has expired"),
        ("certificate verify failed: certificate is not yet valid", "compare the clocks"),
        ("certificate verify failed: self-signed certificate in certificate chain", "VIRAL_CA_FILE"),
        ("certificate verify failed: unable to get local issuer certificate", "VIRAL_CA_FILE"),
        ("server does not support SSL, but SSL was required", "does not speak TLS"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
        ('no pg_hba.conf entry for host "10.0.0.7", user "ada", no encryption', "no plain connections"),
    ],
)
def test_what_the_libraries_say_is_told_in_words(said: str, meaning: str) -> None:
    assert meaning in str(explain_failure(said))


def test_an_error_of_another_kind_is_not_explained() -> None:
    assert explain_failure(ConnectionRefusedError(111, "Connection refused")) is None


@pytest.fixture
def ca_file() -> Path:
    """Certificates of authorities that every machine has."""
    return Path(str(split_authority(fill_authority("https://any/", None))[1]))


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--database-url", "postgresql://db/postgres"], "--database-url: .* add [?]sslmode=verify-full"),
        (["--console-url", "http://mq:15672", "--rabbitmq-url", "amqps://mq/"], "--console-url: .* https://"),
        (["--console-url", "https://mq", "--rabbitmq-url", "amqp://mq/"], "--rabbitmq-url: .* amqps://"),
        (["--mlflow-url", "http://ml:5000"], "--mlflow-url: .* https://"),
    ],
)
def test_no_administrators_password_is_sent_plainly(tmp_path: Path, options: list[str], remedy: str) -> None:
    result = CliRunner().invoke(app, ["servers", "prepare", "--secrets", str(tmp_path), *options])

    assert result.exit_code == 2
    assert re.search(remedy, result.stderr)
