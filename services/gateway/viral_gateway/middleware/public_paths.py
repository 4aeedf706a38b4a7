"""Say what each address asks for: nothing, or a key of some role."""

from __future__ import annotations

from viral_gateway.keys_file import Role

# What needs no key shows nothing that only a key may open.
_OPEN = frozenset({"/sign-in", "/sign-in/provider", "/sign-in/callback", "/sign-out"})
_OPEN_FOLDERS = ("/health/", "/static/", "/swagger/")
# Open as long as keys have no roles.
_OPEN_WITHOUT_ROLES = frozenset({"/metrics", "/docs", "/openapi.json"})

_NEEDED: dict[str, Role] = {
    "/": "predict",
    "/drafts": "predict",
    "/v1/predictions": "predict",
    "/v1/rankings": "predict",
    "/metrics": "admin",
}


def is_open(path: str) -> bool:
    """Say whether `path` counts for no limit and shows no page: probes, metrics, documentation, static files."""
    return path in _OPEN or path in _OPEN_WITHOUT_ROLES or path.startswith(_OPEN_FOLDERS)


def find_needed_role(path: str, *, with_roles: bool) -> Role | None:
    """Find the role that opens `path`; None: it is open. An address that nothing lives at is to be read, too."""
    if path in _OPEN or path.startswith(_OPEN_FOLDERS):
        return None
    if path in _OPEN_WITHOUT_ROLES and not with_roles:
        return None
    return _NEEDED.get(path, "read")
