"""Make an authority of one's own and a certificate for each server, and replace certificates before they expire."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from viral_common.errors import UsageError

from viral_local.private_files import write_private

SERVERS = ("postgres", "rabbitmq", "mlflow", "gateway")
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
AUTHORITY_LIFE, LIFE = timedelta(days=3650), timedelta(days=397)
DUE = timedelta(days=30)
HOST_NAME = re.compile(r"(?:\w(?:[\w-]{0,61}\w)?)(?:\.\w(?:[\w-]{0,61}\w)?)*", re.ASCII)
# Clocks differ.
EARLIER = timedelta(hours=1)


def make_certificates(folder: Path, hosts: Iterable[str]) -> list[str]:
    """Make what is missing, due, or of other names than `hosts`; returns the names of what was made."""
    names = parse_names([*LOCAL_NAMES, *hosts])
    made = [] if find_authority(folder).is_file() else [_make_authority(folder)]
    authority = _load(find_authority(folder))
    for server in SERVERS:
        path = find_certificate(folder, server)
        if not path.is_file() or not _is_good(_load(path), authority, names):
            _write_certificate(folder, server, names, LIFE)
            made.append(server)
    return made


def renew_certificates(folder: Path, servers: Iterable[str], life: timedelta = LIFE) -> None:
    """Replace the certificates and keys of these servers, for the names that they have."""
    for server in servers:
        path = find_certificate(folder, server)
        if not path.is_file():
            raise UsageError(f"{path} is missing: make it with `viral certs new {folder}`")
        _write_certificate(folder, server, read_names(_load(path)), life)


def read_certificates(folder: Path) -> Mapping[str, x509.Certificate]:
    """Read the authority's (`ca`) and the servers' that are there."""
    paths = {"ca": find_authority(folder)} | {name: find_certificate(folder, name) for name in SERVERS}
    if not paths["ca"].is_file():
        raise UsageError(f"{paths['ca']} is missing: make it with `viral certs new {folder}`")
    return {name: _load(path) for name, path in paths.items() if path.is_file()}


def find_authority(folder: Path) -> Path:
    """Locate what all who connect must trust: `VIRAL_CA_FILE`."""
    return folder / "trust" / "ca.crt"


def find_certificate(folder: Path, server: str) -> Path:
    """Locate a server's certificate; its key lies beside it as `tls.key`."""
    return folder / server / "tls.crt"


def parse_names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    """Parse host names and addresses, each once. Raises UsageError for what is neither."""
    return [_parse_name(host) for host in dict.fromkeys(hosts)]


def read_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    """Read the names and addresses it is valid for."""
    return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def is_due(certificate: x509.Certificate) -> bool:
    """Check whether it is time for the next one."""
    return certificate.not_valid_after_utc - datetime.now(UTC) < DUE


def _parse_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        if not HOST_NAME.fullmatch(host):
            raise UsageError(f"{host!r} is no name of a host and no address") from None
        return x509.DNSName(host)


def _is_good(
    certificate: x509.Certificate, authority: x509.Certificate, names: list[x509.GeneralName]
) -> bool:
    same_issuer = certificate.issuer == authority.subject
    return same_issuer and not is_due(certificate) and set(names) <= set(read_names(certificate))


def _make_authority(folder: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: an authority that was made anew must not be taken for the former one.
    name = _make_subject(f"viral-tweets {x509.random_serial_number():x}"[:32])
    certificate = (
        _begin(name, name, key.public_key(), AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_make_key_usage(signs_certificates=True), critical=True)
        .sign(key, SHA256())
    )
    find_authority(folder).parent.mkdir(parents=True, exist_ok=True)
    find_authority(folder).parent.chmod(0o755)  # whatever this person's umask is
    (folder / "ca").mkdir(mode=0o700, exist_ok=True)
    write_private(folder / "ca" / "ca.key", _encode_key(key))
    _write_public(find_authority(folder), certificate)
    return "ca"


def _write_certificate(folder: Path, server: str, names: list[x509.GeneralName], life: timedelta) -> None:
    """Write a new key and its certificate for whoever owns the server's folder."""
    authority = _load(find_authority(folder))
    signer = _load_key(folder / "ca" / "ca.key")
    if signer.public_key() != authority.public_key():
        raise UsageError(f"{folder}/ca/ca.key is not the key of {find_authority(folder)}")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begin(_make_subject(server), authority.subject, key.public_key(), life)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_make_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),  # type: ignore[arg-type]
            critical=False,
        )
        .sign(signer, SHA256())
    )
    path = find_certificate(folder, server)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    owner = path.parent.stat()
    ids = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
    write_private(path.with_name("tls.key"), _encode_key(key), ids)
    _write_public(path.with_name("ca.crt"), authority, ids)
    # Last: whoever watches for a new certificate finds its key there.
    _write_public(path, certificate, ids)


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    life: timedelta,
) -> x509.CertificateBuilder:
    starts = datetime.now(UTC) - EARLIER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _make_subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _make_key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _encode_key(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.is_file():
        raise UsageError(f"{path} is missing: certificates are signed with it, so put it back for as long")
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UsageError(f"{path} is no key of an elliptic curve, as `viral certs new` makes them")
    return key


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise UsageError(f"{path} is no certificate ({error}): delete it and make it anew") from error


def _write_public(path: Path, certificate: x509.Certificate, owner: tuple[int, int] | None = None) -> None:
    write_private(path, certificate.public_bytes(Encoding.PEM).decode(), owner)
    path.chmod(0o644)
