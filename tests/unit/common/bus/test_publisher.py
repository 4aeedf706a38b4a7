"""A broker that is full is told in words."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pika.adapters.blocking_connection import BlockingConnection
from pika.exceptions import ConnectionBlockedTimeout, ConnectionWrongStateError
from viral_common.bus.messages import Message
from viral_common.bus.publisher import Publisher
from viral_common.errors import ServerAway


class FullBroker:
    """Takes nothing within pika's time limit; its connection is closed then."""

    is_open = True

    def channel(self) -> FullBroker:
        return self

    def confirm_delivery(self) -> None: ...

    def basic_publish(self, *_: Any, **__: Any) -> None:
        raise ConnectionBlockedTimeout

    def add_callback_threadsafe(self, _: Any) -> None:
        raise ConnectionWrongStateError


@pytest.fixture
def publisher() -> Publisher:
    return Publisher(cast(BlockingConnection, FullBroker()), "tests")


def test_a_memory_alarm_is_named(publisher: Publisher) -> None:
    with pytest.raises(ServerAway, match="RabbitMQ takes no messages: it is short of memory or of disk"):
        publisher.publish(Message("viral.dead-letters", "queue", b"{}"))


def test_who_wakes_a_publisher_whose_connection_is_gone_meets_no_error(publisher: Publisher) -> None:
    publisher.wake()
