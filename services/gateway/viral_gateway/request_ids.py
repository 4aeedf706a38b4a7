"""What a caller calls its request, so that its logs and the gateway's can be read side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

# Bounded, and nothing that could forge a line of a log or a header.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:@+/=-]{1,128}")
# W3C Trace Context. Version 00 ends with the flags, later ones may go on; ff and all zeros are invalid.
_TRACEPARENT = re.compile(
    rb"(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    rb"|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{0,200})?)"
)


class Named(NamedTuple):
    """A request's names, as bytes for headers."""

    request_id: bytes
    traceparent: bytes | None

    def headers(self) -> list[tuple[bytes, bytes]]:
        """For the reply."""
        named = [(b"x-request-id", self.request_id)]
        return [*named, (b"traceparent", self.traceparent)] if self.traceparent else named

    def fields(self) -> dict[str, str]:
        """For each line that is logged meanwhile."""
        fields = {"request_id": self.request_id.decode()}
        if self.traceparent:
            fields["trace_id"] = self.traceparent[3:35].decode()
        return fields


def names_of(headers: Iterable[tuple[bytes, bytes]]) -> Named:
    """As the caller says; an id that is missing or unusable is replaced, such a traceparent is left out."""
    request_id, traceparent = b"", None
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value
        elif name == b"traceparent" and _TRACEPARENT.fullmatch(value):
            traceparent = value
    return Named(request_id or os.urandom(16).hex().encode(), traceparent)
