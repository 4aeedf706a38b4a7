"""No property of a message keeps a service from the next one."""

from __future__ import annotations

import pytest
from pika.spec import Basic, BasicProperties
from viral_common.bus.messages import Message
from viral_common.bus.operations import DeadLetter


def receive(properties: BasicProperties, routing_key: str | bytes = "model.trained") -> Message:
    delivery = Basic.Deliver("tag", 1, False, "viral.events", routing_key)
    return Message.from_delivery(delivery, properties, b"{}")


def test_properties_that_are_no_text_become_one() -> None:
    message = receive(BasicProperties(message_id=b"\xff\0id"), b"model\xff")

    assert (message.message_id, message.routing_key) == ("\ufffdid", "model\ufffd")


@pytest.mark.parametrize(
    "value",
    [b"T" + b"\xff" * 8, b"d" + b"\x7f\xf8" + bytes(6), b"?", b"A\0\0\0\x05?"],
    ids=["a time after the year 9999", "no number", "an unknown kind", "an unknown kind in a list"],
)
def test_headers_that_cannot_be_read_are_left_out(value: bytes) -> None:
    table = b"\x01a" + value
    properties = BasicProperties().decode(b"\x20\x00" + len(table).to_bytes(4, "big") + table)

    assert receive(properties).headers == {}


def test_a_dead_letter_shows_a_terminal_nothing_to_obey() -> None:
    headers = {
        "viral-reason": "\x1b[2Jgone",
        "viral-queue": b"\xff",
        "viral-message-id": 7,
        "viral-type": None,
    }

    letter = DeadLetter.from_message(receive(BasicProperties(headers=headers)))

    assert (letter.reason, letter.message_id, letter.type) == ("[2Jgone", "7", "")
