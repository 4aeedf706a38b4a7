"""Describe a message on the wire, in either direction."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from pika.spec import Basic, BasicProperties

from viral_common.tweets.text import clean

_decode_properties = BasicProperties.decode


def _decode_leniently(properties: BasicProperties, encoded: bytes, offset: int = 0) -> BasicProperties:
    """Leave out what pika cannot read, such as a time after the year 9999: raised, it would end the connection.

    And as the broker delivers the message again, every later one, too.
    """
    with suppress(Exception):
        _decode_properties(properties, encoded, offset)
    return properties


BasicProperties.decode = _decode_leniently


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
            exchange=_read_text(method.exchange),
            routing_key=_read_text(method.routing_key),
            body=body,
            message_id=_read_text(properties.message_id) or None,
            headers=properties.headers or {},
        )


def _read_text(value: object) -> str:
    """Read what pika leaves as bytes where it is no UTF-8; what Postgres would refuse is left out."""
    return clean(value.decode(errors="replace") if isinstance(value, bytes) else str(value or ""))
