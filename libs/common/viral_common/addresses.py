"""Take the account out of a server's address, and put it in: passwords are kept apart from addresses."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from viral_common.encryption import split_authority


class Account(NamedTuple):
    """Hold who asks a server."""

    name: str
    password: str


def fill_account(url: str, name: str, password: str | None) -> str:
    """Put the account into an address that names none, and the password beside a name that has none."""
    parts = urlsplit(url)
    if password is None or parts.password is not None or not parts.netloc:
        return url
    user = parts.username or quote(name, safe="")
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def replace_account(url: str, account: Account, path: str) -> str:
    """Build the address of another path on the same server, for another account."""
    bare, _ = split_account(url)
    return fill_account(urlsplit(bare)._replace(path=path).geturl(), *account)


def split_account(url: str) -> tuple[str, Account | None]:
    """Split an address into itself without an account, as it may be shown, and the account."""
    url, _ = split_authority(url)
    parts = urlsplit(url)
    if parts.username is None:
        return url.rstrip("/"), None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    return bare, Account(unquote(parts.username), unquote(parts.password or ""))
