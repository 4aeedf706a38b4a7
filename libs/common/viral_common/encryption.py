"""Say whom to trust at the other end of a connection, refuse plain ones to other machines, and tell what is wrong.

An address carries the file of the authority to trust: Postgres has `sslrootcert` for it, RabbitMQ's form of addresses
`cacertfile`, which is used for MLflow too. Addresses of Postgres and RabbitMQ may name several hosts.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn

AUTHORITY = "cacertfile"
# Of Debian, Red Hat, Alpine and macOS, where OpenSSL's own default names no file.
_SYSTEM_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
_POSTGRES_ASKS_FOR_TLS = struct.pack("!ii", 8, 80877103)
# What the libraries say, the clearest first, and what it means.
_REASONS = {
    r"hostname mismatch|ip address mismatch|does not match host name": (
        "its certificate is for other names than this one: use a name that `viral certs list` shows, or make one for "
        "it with `viral certs new --host`"
    ),
    r"has expired": "its certificate has expired: replace it with `viral certs renew`",
    r"not yet valid": "its certificate is not valid yet: compare the clocks",
    r"self.signed certificate|unable to get (local )?issuer": (
        "its certificate is by an authority that is not trusted here: name the authority's file in VIRAL_CA_FILE"
    ),
    r"wrong.version.number|record.layer.failure|unexpected.eof|does not support SSL": (
        "it does not speak TLS on this port: turn it on there, or use the port that has it"
    ),
    r"no encryption": "it takes no plain connections: add ?sslmode=verify-full to the address",
    r"IncompatibleProtocol": "it takes no plain connections on this port: write amqps://, or use the port for them",
    r"remote end closed connection without": (
        "it closed the connection: if it takes no plain ones, write https://, else its log says why"
    ),
}


def is_local(host: str | None) -> bool:
    """Check whether the host is this machine, or the path of a socket; no name is asked for."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_postgres_address(url: str) -> dict[str, str]:
    """Take an address of Postgres apart as libpq does, in whichever of its forms. Raises ValueError."""
    try:
        return dict(parse_dsn(url.replace("postgresql+psycopg2://", "postgresql://", 1)))
    except ProgrammingError:  # it repeats the address, password and all
        raise ValueError(
            "it is no address that Postgres's own programs read: postgresql://host:port,host:port/database?option=…"
        ) from None


def check_postgres_encryption(url: str) -> None:
    """Raise ValueError for a plain or unchecked connection to another machine."""
    address = parse_postgres_address(url)
    hosts = [host for name in ("host", "hostaddr") for host in address.get(name, "").split(",")]
    if not all(map(is_local, hosts)) and address.get("sslmode") != "verify-full":
        raise ValueError(_refuse_plain("add ?sslmode=verify-full to the address"))


def check_encryption(url: str, scheme: str) -> None:
    """Raise ValueError for another scheme to another machine."""
    for parts in map(urlsplit, split_hosts(url)):
        if not is_local(parts.hostname) and parts.scheme != scheme:
            raise ValueError(_refuse_plain(f"write {scheme}://"))


def split_hosts(url: str) -> list[str]:
    """Split an address of several hosts into one for each."""
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    return [format_url(parts._replace(netloc=f"{account}{at}{host}")) for host in hosts.split(",")]


def format_url(parts: SplitResult) -> str:
    """Write an address; urllib leaves out the slashes where no host follows them."""
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def fill_authority(url: str, authority: Path | None) -> str:
    """Put the file of the authority to trust into an address that is encrypted and names none."""
    parts = urlsplit(url)
    if parts.scheme.startswith("postgresql"):
        name, encrypted = "sslrootcert", "sslmode=verify-full" in parts.query
    else:
        name, encrypted = AUTHORITY, parts.scheme in ("amqps", "https")
    if not encrypted or name in parse_qs(parts.query):
        return url
    added = urlencode({name: str(authority or _find_system_store())}, safe="/")
    return format_url(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def split_authority(url: str) -> tuple[str, str | None]:
    """Split an address of RabbitMQ or MLflow into itself without the authority's file, and that file."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    authority = query.pop(AUTHORITY, [None])[0]
    return format_url(parts._replace(query=urlencode(query, doseq=True))), authority


def make_client_context(authority: str | None) -> ssl.SSLContext:
    """Make what checks a server's name and certificate; without a file the system's authorities are trusted."""
    return ssl.create_default_context(cafile=authority or _find_system_store())


def explain_failure(error: object) -> str | None:
    """Say in words why a connection could not be encrypted; None for an error that means something else."""
    said = str(error)
    return next((meaning for sign, meaning in _REASONS.items() if re.search(sign, said, re.IGNORECASE)), None)


def examine_postgres(hosts: str, ports: str, authority: str) -> str | None:
    """Find out why a certificate of Postgres's is not good, for libpq does not say; None if nothing is found."""
    each, numbers = hosts.split(","), ports.split(",")
    for host, port in zip(each, numbers * len(each) if len(numbers) == 1 else numbers, strict=True):
        if reason := _examine_certificate(host, int(port or 5432), authority):
            return f"{host}: {reason}" if len(each) > 1 else reason
    return None


def _examine_certificate(host: str, port: int, authority: str) -> str | None:
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(_POSTGRES_ASKS_FOR_TLS)
            if connection.recv(1) == b"S":
                make_client_context(authority).wrap_socket(connection, server_hostname=host).close()
    except OSError as error:  # TLS errors are among them
        return explain_failure(error)
    return None


def _find_system_store() -> str | None:
    found = (ssl.get_default_verify_paths().cafile, *_SYSTEM_STORES)
    return next((path for path in found if path and Path(path).is_file()), None)


def _refuse_plain(remedy: str) -> str:
    return (
        f"the connection to another machine would not be encrypted: {remedy} (and name the authority in "
        "VIRAL_CA_FILE), or allow it with VIRAL_ALLOW_PLAIN=true"
    )
