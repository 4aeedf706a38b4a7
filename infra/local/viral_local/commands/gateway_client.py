"""Ask the gateway what it serves, and send it one request to try."""

from __future__ import annotations

import json
import shlex
from typing import Any

import httpx
from viral_common.encryption import split_authority

from viral_local.http_client import open_http
from viral_local.settings import LocalSettings

EXAMPLE = {
    "tweets": [{"text": "Good morning! Coffee first, then the world. #MondayMotivation", "photos_count": 1}]
}


def read_served_version(gateway_url: str) -> int | None:
    """Read the champion's version; None if there is no model or no answer."""
    try:
        with open_http(gateway_url, timeout_s=5) as gateway:
            model = gateway.get("/health/ready").json()["model"]
        return int(model["version"]) if model else None
    except (httpx.TransportError, ValueError, KeyError):
        return None


def predict_example(gateway_url: str) -> dict[str, Any] | None:
    """Return the answer to the command that `format_curl_command` shows; None if there was none."""
    try:
        with open_http(gateway_url) as gateway:
            reply = gateway.post("/v1/predictions", json=EXAMPLE, headers=_make_key_header())
    except httpx.TransportError:
        return None
    return dict(reply.json()) if reply.is_success else None


def format_curl_command(gateway_url: str) -> str:
    """Format a command to paste into a shell; a key stays out of sight."""
    body = shlex.quote(json.dumps(EXAMPLE))
    key = '-H "X-API-Key: $KEY" ' if _make_key_header() else ""
    url, authority = split_authority(gateway_url)
    trust = f"--cacert {shlex.quote(authority)} " if authority else ""
    return f"curl -s {trust}{url}/v1/predictions {key}-H 'Content-Type: application/json' -d {body}"


def _make_key_header() -> dict[str, str]:
    keys = LocalSettings().api_keys
    first = keys.get_secret_value().partition(",")[0].strip() if keys else ""
    return {"X-API-Key": first} if first else {}
