"""Certificates are made once, for the names asked for, and replaced in place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from typer.testing import CliRunner
from viral_common.errors import UsageError
from viral_local.certificates import (
    SERVERS,
    find_authority,
    find_certificate,
    make_certificates,
    read_certificates,
    renew_certificates,
)
from viral_local.cli import app

NEW = ["ca", *SERVERS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "certs"
    assert make_certificates(folder, ["db.example.org", "10.0.0.5"]) == NEW
    return folder


def read_files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", ["localhost", "db.example.org"])
def test_a_strict_client_believes_them(folder: Path, server: str, name: str) -> None:
    found = read_certificates(folder)
    verifier = PolicyBuilder().store(Store([found["ca"]])).build_server_verifier(x509.DNSName(name))

    verifier.verify(found[server], [])

    names = found[server].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "10.0.0.5"]
    usage = found[server].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    key = found[server].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_keys_are_their_owners_alone_and_the_authoritys_lies_apart(folder: Path) -> None:
    keys = list(folder.rglob("*.key"))

    assert {path.parent.name for path in keys} == {"ca", *SERVERS}
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert {path.parent.stat().st_mode & 0o777 for path in keys} == {0o700}


def test_making_them_again_changes_nothing(folder: Path) -> None:
    before = read_files(folder)

    assert make_certificates(folder, ["10.0.0.5"]) == []
    assert read_files(folder) == before


def test_one_that_is_missing_due_or_of_other_names_is_made(folder: Path) -> None:
    find_certificate(folder, "mlflow").unlink()
    renew_certificates(folder, ["gateway"], timedelta(days=29))
    assert make_certificates(folder, []) == ["mlflow", "gateway"]

    assert make_certificates(folder, ["other.example.org"]) == list(SERVERS)


def test_another_authority_issues_all_anew(folder: Path) -> None:
    find_authority(folder).unlink()

    assert make_certificates(folder, []) == NEW


def test_renewing_replaces_key_and_certificate_and_keeps_the_names(folder: Path) -> None:
    before, files = read_certificates(folder), read_files(folder)

    renew_certificates(folder, ["postgres"])

    after = read_certificates(folder)
    assert after["postgres"].serial_number != before["postgres"].serial_number
    assert after["postgres"].public_key() != before["postgres"].public_key()
    san = x509.SubjectAlternativeName
    assert after["postgres"].extensions.get_extension_for_class(san) == before[
        "postgres"
    ].extensions.get_extension_for_class(san)
    changed = {path.relative_to(folder) for path, data in read_files(folder).items() if files[path] != data}
    assert changed == {Path("postgres/tls.crt"), Path("postgres/tls.key")}


def test_without_the_authoritys_key_nothing_is_signed(folder: Path) -> None:
    (folder / "ca" / "ca.key").rename(folder / "elsewhere")

    with pytest.raises(UsageError, match=r"ca\.key is missing: .*put it back"):
        renew_certificates(folder, ["postgres"])


def test_a_foreign_key_signs_nothing(folder: Path, tmp_path: Path) -> None:
    make_certificates(tmp_path / "other", [])
    (folder / "ca" / "ca.key").write_bytes((tmp_path / "other" / "ca" / "ca.key").read_bytes())

    with pytest.raises(UsageError, match="is not the key of"):
        renew_certificates(folder, ["postgres"])


@pytest.mark.parametrize("host", ["", "-- x", "a" * 70, "a..b", "https://db"])
def test_what_is_no_host_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="no name of a host and no address"):
        make_certificates(tmp_path, [host])


def test_the_commands_make_renew_and_list(tmp_path: Path) -> None:
    folder = str(tmp_path / "certs")
    run = CliRunner().invoke

    assert run(app, ["certs", "new", folder, "--host", "db"]).output == f"made: {', '.join(NEW)}\n"
    assert "all are there" in run(app, ["certs", "new", folder]).output
    assert run(app, ["certs", "renew", folder, "--server", "gateway"]).output == "renewed: gateway\n"
    assert "pg_reload_conf" in run(app, ["certs", "renew", folder]).output
    listed = run(app, ["certs", "list", folder])
    assert listed.exit_code == 0
    assert "db" in listed.output

    renew_certificates(tmp_path / "certs", ["mlflow"], timedelta(days=1))
    due = run(app, ["certs", "list", folder])
    assert due.exit_code == 1
    assert str(datetime.now(UTC).year) in due.output
