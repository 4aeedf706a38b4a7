"""Define what the gateway refuses, as exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class GatewayAway(Exception):
    """Report that there is no connection, or no answer in time."""


@dataclass(frozen=True)
class FieldError:
    """Name a wrong field: `pointer` into the body (`#/tweets/0/text`), or the `parameter` of that name."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class GatewayError(Exception):
    """Report a refusal, with what its problem+json says (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.title = str(problem.get("title") or "")
        self.detail = str(problem.get("detail") or "")
        self.errors = [
            FieldError(error.get("detail", ""), error.get("pointer"), error.get("parameter"))
            for error in problem.get("errors", [])
            if isinstance(error, dict)
        ]
        self.retry_after = _parse_seconds(headers.get("retry-after"))
        """Seconds to wait before asking again, where the gateway says so: 429 and 503."""
        self.request_id = headers.get("x-request-id")
        """What the gateway's log calls the request."""
        super().__init__(": ".join(part for part in (f"{status} {self.title}".strip(), self.detail) if part))


def _parse_seconds(value: str | None) -> float | None:
    return float(value) if value and value.isdigit() else None
