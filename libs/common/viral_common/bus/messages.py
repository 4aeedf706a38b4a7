"""Describe a message on the wire, in either direction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from pika.spec import Basic, BasicProperties


@dataclass(frozen=True)
class Message:
    """Hold a message that was received or is to be published."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str | None = None
    headers: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_delivery(
        cls, method: Basic.Deliver | Basic.GetOk, properties: BasicProperties, body: bytes
    ) -> Self:
        """Make one of what pika delivers."""
        return cls(
            exchange=method.exchange,
            routing_key=method.routing_key,
            body=body,
            message_id=properties.message_id,
            headers=properties.headers or {},
        )
