"""What goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pika.spec import Basic, BasicProperties


@dataclass(frozen=True)
class Message:
    """What goes over the wire, in either direction."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str | None = None
    headers: dict[str, Any] = field(default_factory=dict)


def message_of(method: Basic.Deliver | Basic.GetOk, properties: BasicProperties, body: bytes) -> Message:
    """A delivery in the product's terms."""
    return Message(
        exchange=method.exchange,
        routing_key=method.routing_key,
        body=body,
        message_id=properties.message_id,
        headers=properties.headers or {},
    )
