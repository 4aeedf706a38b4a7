"""Know who calls, and as what: by the key that was sent, or by the cookie of somebody who signed in."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import structlog
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope
from viral_common.encryption import is_local
from viral_common.errors import summarise_error

from viral_gateway.keys_file import ROLES, Key, Role, make_digest, read_keys
from viral_gateway.middleware.buckets import Allowance, Buckets, identify_address
from viral_gateway.settings import GatewaySettings

log = structlog.get_logger()

CALLER = "viral_caller"
"""Where the scope holds the Caller, if one is known."""
SESSION_COOKIE = "viral_session"
# A working day; then one signs in again.
SESSION_S = 12 * 3600
# A busy gateway looks at the file once in so long: that takes as long as the rest of letting a caller in.
LOOK_EVERY_S = 0.001
# Each is logged. A right key is let through all the same, for others may share the address.
FAILURES_A_MINUTE = 30


class Caller(NamedTuple):
    """Hold who calls. Metrics count persons together: their names are not the gateway's to keep."""

    name: str
    role: Role
    counted_as: str
    has_session: bool = False

    @classmethod
    def from_key(cls, key: Key, *, has_session: bool = False) -> Self:
        return cls(key.name, key.role, key.name, has_session)

    def has_role(self, role: Role) -> bool:
        """Tell whether the own role holds that one."""
        return ROLES.index(self.role) >= ROLES.index(role)


class KeyRing:
    """Hold the keys of VIRAL_API_KEYS, which may do everything, and those of a file, as it is now."""

    def __init__(self, settings: GatewaySettings) -> None:
        listed = (
            Key(f"key-{number}", "admin", make_digest(key))
            for number, key in enumerate(settings.list_keys(), 1)
        )
        self._listed = {key.digest: key for key in listed}
        self._by_digest = self._listed
        self._path = settings.api_keys_file
        self._state: object = None
        self._looked_at = float("-inf")

    def find_key(self, digest: bytes) -> Key | None:
        """Find a key that is good now. Its digest is looked up, so the time taken says nothing of any key."""
        if self._path is not None:
            self._follow_file(self._path)
        key = self._by_digest.get(digest)
        return key if key is not None and key.is_good else None

    def _follow_file(self, path: Path) -> None:
        """Read it again if it changed; with one that cannot be read the keys stay as they were."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            found = path.stat()
            state: object = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError as error:
            state = error.errno
        if state == self._state:
            return
        self._state = state
        try:
            self._by_digest = self._listed | {key.digest: key for key in read_keys(path)}
        except (OSError, ValueError) as error:
            log.warning("keys file not taken up; the keys before it stay", reason=summarise_error(error))


class Access:
    """Let callers in, keep them signed in, and slow down whoever guesses."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.with_roles = settings.asks_for_roles
        self._keys = KeyRing(settings)
        self._people = settings.list_people()
        self._failures = Buckets(FAILURES_A_MINUTE)
        self._allow_plain = settings.allow_plain
        self._cookies = URLSafeTimedSerializer(
            load_session_key(settings), salt="viral-gateway", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def find_by_key(self, digest: bytes) -> Caller | None:
        """Find the caller whose key has that SHA-256."""
        key = self._keys.find_key(digest)
        return Caller.from_key(key) if key else None

    def find_by_cookie(self, cookie: str) -> Caller | None:
        """Find who signed in: only while the session lasts, and the key or the person's role is there still."""
        content = self.read_cookie(cookie, SESSION_S)
        if "key" in content:
            key = self._keys.find_key(bytes.fromhex(content["key"]))
            return Caller.from_key(key, has_session=True) if key else None
        role = self._people.get(content.get("known_as", ""))
        return Caller(content["person"], role, "signed in", has_session=True) if role else None

    def choose_role(self, identities: list[str]) -> str | None:
        """Choose among a person's e-mail address and groups the one with the highest role; None: none has any."""
        known = [one for one in identities if one in self._people]
        return max(known, key=lambda one: ROLES.index(self._people[one]), default=None)

    def count_failure(self, scope: Scope) -> Allowance:
        """Count a wrong key from this address."""
        return self._failures.take(identify_address(scope))

    def read_cookie(self, cookie: str, max_age_s: int) -> dict[str, Any]:
        """Read what a cookie holds; nothing, if it is too old or not signed here."""
        with suppress(BadData):
            return cast(dict[str, Any], self._cookies.loads(cookie, max_age=max_age_s))
        return {}

    def set_cookie(
        self,
        reply: Response,
        request: Request,
        content: Mapping[str, Any],
        name: str = SESSION_COOKIE,
        max_age_s: int = SESSION_S,
        path: str = "/",
    ) -> None:
        """Put a signed cookie on the reply. Browsers send it over TLS alone, but for loopback."""
        plain = request.url.scheme == "http" and (
            self._allow_plain or is_local(request.url.hostname or "unknown")
        )
        reply.set_cookie(
            name,
            str(self._cookies.dumps(dict(content))),
            max_age=max_age_s,
            path=path,
            secure=not plain,
            httponly=True,
            samesite="lax",
        )


def load_session_key(settings: GatewaySettings) -> str:
    """Load what cookies are signed with; unless it is set, one that this data directory's workers share."""
    if settings.session_key:
        return settings.session_key.get_secret_value()
    path = settings.data_dir / "gateway" / "session-key"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):  # another worker was faster
            path.hardlink_to(unfinished)
        unfinished.unlink()
    return path.read_text()


def has_role(request: Request, role: Role) -> bool:
    """Tell whether this caller has it; where no key is asked for, everybody has."""
    caller: Caller | None = request.scope.get(CALLER)
    return caller.has_role(role) if caller else request.app.state.access is None
