"""Ask servers over HTTP, as whom and trusting whom their address names."""

from __future__ import annotations

import ssl

import httpx
from viral_common.encryption import make_client_context, split_authority


def open_http(url: str, path: str = "", timeout_s: float = 30) -> httpx.Client:
    """Open a client of what lies below `path`; a proxy that the environment names is not asked."""
    bare, authority = split_authority(url)
    # Reading what the system trusts takes longer than a plain request.
    context = (
        make_client_context(authority)
        if bare.startswith("https:")
        else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    return httpx.Client(base_url=bare.rstrip("/") + path, timeout=timeout_s, trust_env=False, verify=context)
