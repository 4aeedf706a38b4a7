"""Publish, and know that the broker has it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from pika.adapters.blocking_connection import BlockingConnection
from pika.exceptions import AMQPError, ConnectionBlockedTimeout, ConnectionWrongStateError
from pika.spec import BasicProperties

from viral_common.bus.messages import Message
from viral_common.bus.topology import EVENTS, QUEUES, require_queue
from viral_common.errors import ServerAway
from viral_common.events import EVENT_TYPES, CloudEvent


class Publisher:
    """Publish persistent messages and return only when the broker has them in a queue."""

    def __init__(self, opened: BlockingConnection, app_id: str) -> None:
        self._connection = opened
        self._app_id = app_id
        self._channel = opened.channel()
        self._channel.confirm_delivery()

    def publish(self, message: Message) -> None:
        """Publish one message.

        Raises ServerAway if its work queue is missing or the broker is full, UnroutableError if none takes it,
        NackError if the broker refuses it.
        """
        # The audit queue takes everything, so a deleted work queue would go unnoticed.
        for queue in (queue for queue, name in QUEUES.items() if name == message.routing_key):
            require_queue(self._channel, queue)
        try:
            self._channel.basic_publish(
                message.exchange,
                message.routing_key,
                message.body,
                self._build_properties(message),
                mandatory=True,
            )
        except ConnectionBlockedTimeout as error:
            raise ServerAway("RabbitMQ takes no messages: it is short of memory or of disk") from error

    def wait(self, seconds: float) -> None:
        """Wait, while answering the broker's heartbeats. Raises when the connection was lost."""
        self._connection.process_data_events(time_limit=seconds)
        if not self._channel.is_open:
            raise AMQPError("the broker closed the channel")

    def wake(self) -> None:
        """End a wait, from any thread."""
        with suppress(ConnectionWrongStateError):  # then nobody waits
            self._connection.add_callback_threadsafe(lambda: None)

    def _build_properties(self, message: Message) -> BasicProperties:
        if message.routing_key not in EVENT_TYPES or message.exchange != EVENTS:
            event_type, correlation_id, at = message.headers.get("viral-type"), None, datetime.now(UTC)
        else:
            event = CloudEvent.model_validate_json(message.body)
            event_type, correlation_id, at = event.type, event.correlationid, event.time
        return BasicProperties(
            content_type=CloudEvent.CONTENT_TYPE,
            delivery_mode=2,
            type=event_type,
            message_id=message.message_id,
            correlation_id=correlation_id,
            app_id=self._app_id,
            timestamp=int(at.timestamp()),
            headers=message.headers,
        )
