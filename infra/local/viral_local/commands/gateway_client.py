"""What the gateway serves at this moment, and one request to try it with."""

from __future__ import annotations

import json
import shlex
from typing import Any

import httpx

from viral_local.settings import LocalSettings

EXAMPLE = {
    "tweets": [{"text": "Good morning! Coffee first, then the world. #MondayMotivation", "photos_count": 1}]
}


def served_version(gateway_url: str) -> int | None:
    """The champion's version; None if there is no model or no answer."""
    try:
        reply = httpx.get(f"{gateway_url}/v1/model", headers=_key(), timeout=5, trust_env=False)
        return int(reply.json()["version"]) if reply.is_success else None
    except (httpx.TransportError, ValueError, KeyError):
        return None


def predict_example(gateway_url: str) -> dict[str, Any] | None:
    """The answer to the command that `curl_command` shows; None if there was none."""
    try:
        reply = httpx.post(
            f"{gateway_url}/v1/predictions", json=EXAMPLE, headers=_key(), timeout=30, trust_env=False
        )
    except httpx.TransportError:
        return None
    return dict(reply.json()) if reply.is_success else None


def curl_command(gateway_url: str) -> str:
    """Ready to paste into a shell; a key stays out of sight."""
    body = shlex.quote(json.dumps(EXAMPLE))
    key = '-H "X-API-Key: $KEY" ' if _key() else ""
    return f"curl -s {gateway_url}/v1/predictions {key}-H 'Content-Type: application/json' -d {body}"


def _key() -> dict[str, str]:
    keys = LocalSettings().api_keys
    first = keys.get_secret_value().partition(",")[0].strip() if keys else ""
    return {"X-API-Key": first} if first else {}
