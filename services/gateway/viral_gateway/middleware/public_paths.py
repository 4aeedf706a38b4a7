"""Name what asks for no API key, and therefore shows nothing that only a key may open."""

from __future__ import annotations

_OPEN = frozenset({"/metrics", "/docs", "/openapi.json"})
_OPEN_FOLDERS = ("/health/", "/static/", "/swagger/")


def is_open(path: str) -> bool:
    """Say whether `path` asks for no key and counts for no limit: probes, metrics, documentation, static files."""
    return path in _OPEN or path.startswith(_OPEN_FOLDERS)
