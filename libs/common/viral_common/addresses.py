"""Take the account out of a server's address, and put it in: passwords are kept apart from addresses."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from viral_common.encryption import format_url, parse_postgres_address, split_authority

# A peer that says nothing any more is noticed after 15 s: while it owes an answer by keepalives, while it owes an
# acknowledgement by tcp_user_timeout. Of several hosts each has 5 s to take a connection.
NOTICE_SILENCE = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
    "connect_timeout": 5,
}


class Account(NamedTuple):
    """Hold who asks a server."""

    name: str
    password: str


def fill_account(url: str, name: str, password: str | None) -> str:
    """Put the account into an address that names none, and the password beside a name that has none."""
    parts = urlsplit(url)
    named = parts.netloc or "host" in parse_qs(parts.query)
    if password is None or parts.password is not None or not named:
        return url
    user = parts.username or quote(name, safe="")
    host = parts.netloc.rpartition("@")[2]
    return format_url(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def replace_account(url: str, account: Account, path: str) -> str:
    """Build the address of another path on the same server, for another account."""
    bare, _ = split_account(url)
    return fill_account(format_url(urlsplit(bare)._replace(path=path)), *account)


def split_account(url: str) -> tuple[str, Account | None]:
    """Split an address into itself without an account, as it may be shown, and the account."""
    url, _ = split_authority(url)
    parts = urlsplit(url)
    if parts.username is None:
        return url.rstrip("/"), None
    bare = format_url(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    return bare, Account(unquote(parts.username), unquote(parts.password or ""))


def format_for_sqlalchemy(url: str, **options: str) -> str:
    """Write an address of Postgres as SQLAlchemy takes it, for MLflow: several hosts stand among its options there."""
    address = {
        **parse_postgres_address(url),
        **{name: str(value) for name, value in NOTICE_SILENCE.items()},
        **options,
    }
    account = [quote(address.pop(name), safe="") for name in ("user", "password") if name in address]
    path = quote(address.pop("dbname", ""))
    return f"postgresql+psycopg2://{':'.join(account)}@/{path}?{urlencode(address, safe='/,')}"
