"""Each server is asked with TLS, checked, and what is wrong is told in one line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from viral_common.artefact.download import download
from viral_common.bus.topology import open_connection
from viral_common.database.engine import connect, describe_outage
from viral_common.errors import ArtefactError, ServerAway
from viral_common.registry.runs import Runs
from viral_common.registry.versions import Registry
from viral_common.settings import CommonSettings
from viral_local.certificates import SERVERS, find_authority, make_certificates, renew_certificates

from tests.integration.tls.conftest import OTHER_NAME, TlsServers


def ask_postgres(settings: CommonSettings) -> str | None:
    """Ask whether this very connection is encrypted; returns what is wrong."""
    engine = connect(settings, "tests")
    try:
        with engine.connect() as connection:
            asked = text("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            assert connection.execute(asked).scalar_one() == "TLSv1.3"
    except OperationalError as error:
        return describe_outage(error)
    finally:
        engine.dispose()
    return None


def ask_rabbitmq(settings: CommonSettings) -> str | None:
    try:
        with open_connection(settings.rabbitmq_url.get_secret_value(), "tests") as connection:
            connection.channel()
    except ServerAway as error:
        return str(error)
    return None


def ask_mlflow(settings: CommonSettings) -> str | None:
    try:
        Runs(settings.mlflow_url).start(uuid4(), "test", {})
    except ServerAway as error:
        return str(error)
    return None


def ask_for_artefact(settings: CommonSettings) -> str | None:
    try:
        download(settings.mlflow_url, "mlflow-artifacts:/none", None, Path("/nowhere"))
    except ServerAway as error:
        return str(error)
    except ArtefactError:  # it answers that there is none
        return None
    raise AssertionError("an artefact that nobody made")


def ask_registry(settings: CommonSettings) -> str | None:
    """Ask as the evaluator does, whose registry keeps an address without accounts and files."""
    try:
        Registry(settings.mlflow_url).download("mlflow-artifacts:/none", Path("/nowhere"))
    except ServerAway as error:
        return str(error)
    except ArtefactError:
        return None
    raise AssertionError("an artefact that nobody made")


ASKED = (ask_postgres, ask_rabbitmq, ask_mlflow, ask_for_artefact, ask_registry)
ASK = pytest.mark.parametrize("ask", ASKED)
Ask = Callable[[CommonSettings], str | None]


@ASK
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_checked_connection_works(tls_servers: TlsServers, ask: Ask, name: str) -> None:
    assert ask(tls_servers.make_settings_for(name)) is None


@ASK
def test_a_wrong_name_is_refused(tls_servers: TlsServers, ask: Ask) -> None:
    said = ask(tls_servers.make_settings_for(OTHER_NAME))

    assert said
    assert (
        "its certificate is for other names than this one: use a name that `viral certs list` shows" in said
    )
    assert "\n" not in said


@ASK
@pytest.mark.parametrize("other", ["another of ours", "the system's"])
def test_an_unknown_authority_is_refused(
    tls_servers: TlsServers, ask: Ask, tmp_path: Path, other: str
) -> None:
    authority = Path("/etc/ssl/certs/ca-certificates.crt")
    if other == "another of ours":
        make_certificates(tmp_path, [])
        authority = find_authority(tmp_path)

    said = ask(tls_servers.make_settings_for(authority=authority))

    assert said
    assert "its certificate is by an authority that is not trusted here: name" in said
    assert "VIRAL_CA_FILE" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("ask", "remedy"),
    [
        (ask_postgres, "it takes no plain connections: add ?sslmode=verify-full"),
        (ask_rabbitmq, "it takes no plain connections on this port: write amqps://"),
        (ask_mlflow, "if it takes no plain ones, write https://"),
        (ask_for_artefact, "if it takes no plain ones, write https://"),
    ],
)
def test_a_plain_connection_is_refused_by_the_server_too(
    tls_servers: TlsServers, ask: Ask, remedy: str
) -> None:
    said = ask(tls_servers.make_plain_settings())

    assert said
    assert remedy in said
    assert "\n" not in said


def test_expired_certificates_are_refused(tls_servers: TlsServers, tmp_path: Path) -> None:
    # A file of its own, so that MLflow's client uses no connection that is open already.
    authority = tmp_path / "ca.crt"
    authority.write_bytes(find_authority(tls_servers.certs).read_bytes())
    # Valid since an hour ago, for half an hour.
    renew_certificates(tls_servers.certs, SERVERS, timedelta(minutes=30))
    tls_servers.take_up_at_once()
    try:
        said = [ask(tls_servers.make_settings_for(authority=authority)) or "" for ask in ASKED]
    finally:
        renew_certificates(tls_servers.certs, SERVERS)
        tls_servers.take_up_at_once()

    assert ["its certificate has expired: replace it with `viral certs renew`" in line for line in said] == [
        True
    ] * len(ASKED)
    assert not any("\n" in line for line in said)
    assert ask_postgres(tls_servers.make_settings_for()) is None
