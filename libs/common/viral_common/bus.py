"""RabbitMQ: the topology, a publisher that is sure, a consumer that notices. The only module that imports pika."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from viral_common.errors import ServerAway
from viral_common.events import EVENT_TYPES, CloudEvent

log = structlog.get_logger()

EVENTS = "viral.events"
DEAD_LETTERS = "viral.dead-letters"
DEAD_LETTER_QUEUE = "dead-letters"
AUDIT_QUEUE = "audit"
AUDIT_LENGTH = 10_000
# Event name by durable queue: "<service>.<event-name>".
QUEUES = {"trainer.batch-collected": "batch.collected", "evaluator.model-trained": "model.trained"}

# RabbitMQ 4 dead-letters after 20 deliveries unless told otherwise, and counts clean restarts.
# The inbox bounds failures instead, so the broker's limit is put out of reach (docs/decisions/0007).
_QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}

HEARTBEAT_S = 10
POLL_S = 0.5
PROBE_S = 2.0
READY_S = 5.0
RECONNECT_S = (0.5, 5.0)


@dataclass(frozen=True)
class Message:
    """What goes over the wire, in either direction."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str | None = None
    headers: dict[str, Any] = field(default_factory=dict)


def queue_of(service: str, event_name: str) -> str:
    """`trainer`, `batch.collected` -> `trainer.batch-collected`."""
    return f"{service}.{event_name.replace('.', '-')}"


def declare_topology(channel: BlockingChannel) -> None:
    """Declare every exchange, queue and binding; each service does at its start, so none publishes into nothing."""
    channel.exchange_declare(EVENTS, "topic", durable=True)
    channel.exchange_declare(DEAD_LETTERS, "fanout", durable=True)
    channel.queue_declare(DEAD_LETTER_QUEUE, durable=True, arguments=_QUORUM)
    channel.queue_bind(DEAD_LETTER_QUEUE, DEAD_LETTERS)
    channel.queue_declare(
        AUDIT_QUEUE, durable=True, arguments={"x-max-length": AUDIT_LENGTH, "x-overflow": "drop-head"}
    )
    channel.queue_bind(AUDIT_QUEUE, EVENTS, "#")
    for queue, event_name in QUEUES.items():
        channel.queue_declare(
            queue, durable=True, arguments={**_QUORUM, "x-dead-letter-exchange": DEAD_LETTERS}
        )
        channel.queue_bind(queue, EVENTS, event_name)


@contextmanager
def connection(url: str, name: str) -> Iterator[BlockingConnection]:
    """A connection that the management console shows as `name`. Raises ServerAway if there is no broker."""
    parameters = pika.URLParameters(url)
    parameters.heartbeat = HEARTBEAT_S
    parameters.blocked_connection_timeout = 30
    parameters.socket_timeout = parameters.stack_timeout = 5
    parameters.client_properties = {"connection_name": name, "product": "viral-tweets"}
    try:
        opened = pika.BlockingConnection(parameters)
    except (AMQPError, OSError) as error:
        raise ServerAway(f"RabbitMQ does not answer ({error!r}); check VIRAL_RABBITMQ_URL") from error
    try:
        yield opened
    finally:
        if opened.is_open:
            with closing(opened):
                pass


class Publisher:
    """Publishes persistent messages and returns only when the broker has them in a queue."""

    def __init__(self, opened: BlockingConnection, app_id: str) -> None:
        self._connection = opened
        self._app_id = app_id
        self._channel = opened.channel()
        self._channel.confirm_delivery()
        declare_topology(self._channel)

    def publish(self, message: Message) -> None:
        """Raises UnroutableError if no queue takes it, NackError if the broker refuses it."""
        # The audit queue takes everything, so a deleted work queue would go unnoticed: declare it again first.
        declare_topology(self._channel)
        self._channel.basic_publish(
            message.exchange, message.routing_key, message.body, self._properties(message), mandatory=True
        )

    def idle(self, seconds: float) -> None:
        """Wait, while answering the broker's heartbeats. Raises when the connection was lost."""
        self._connection.process_data_events(time_limit=seconds)
        if not self._channel.is_open:
            raise AMQPError("the broker closed the channel")

    def _properties(self, message: Message) -> BasicProperties:
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


class Consumer:
    """One queue, one thread, for as long as the service runs: reconnects, and knows whether it is consuming.

    `on_delivery` returns once the message is safe; then it is acknowledged. If it raises, the connection is closed,
    the broker keeps the message and delivers it again.
    """

    def __init__(
        self,
        url: str,
        name: str,
        queue: str,
        on_delivery: Callable[[Message], None],
        *,
        own_binding: str | None = None,
        on_bound: Callable[[], None] | None = None,
    ) -> None:
        self._url, self._name, self.queue = url, name, queue
        self._on_delivery = on_delivery
        self._own_binding = own_binding
        self._on_bound = on_bound
        self._seen_at = float("-inf")

    def consuming(self) -> bool:
        """Whether the broker confirmed, within the last seconds, that this consumer's channel is alive."""
        return time.monotonic() - self._seen_at < READY_S

    def run(self, stopping: threading.Event) -> None:
        """Consume until `stopping`; after any break, connect again with a growing wait."""
        wait_s = RECONNECT_S[0]
        while not stopping.is_set():
            try:
                self._consume(stopping)
            except Exception as error:  # noqa: BLE001  (this loop is the thread's edge: it must outlive everything)
                log.warning("consumer interrupted", queue=self.queue, reason=repr(error), retry_in_s=wait_s)
            was_consuming, self._seen_at = self.consuming(), float("-inf")
            wait_s = RECONNECT_S[0] if was_consuming else min(2 * wait_s, RECONNECT_S[1])
            stopping.wait(wait_s)

    def _consume(self, stopping: threading.Event) -> None:
        with connection(self._url, self._name) as opened:
            channel = opened.channel()
            declare_topology(channel)
            if self._own_binding:
                channel.queue_declare(self.queue, exclusive=True, auto_delete=True)
                channel.queue_bind(self.queue, EVENTS, self._own_binding)
            channel.basic_qos(prefetch_count=10)
            channel.basic_consume(self.queue, self._deliver, consumer_tag=self.queue)
            if self._on_bound:
                self._on_bound()
            log.info("consuming", queue=self.queue)
            while not stopping.is_set():
                self._probe(channel)
                opened.process_data_events(time_limit=POLL_S)

    def _probe(self, channel: BlockingChannel) -> None:
        # pika goes on silently after the broker closed the channel or cancelled the consumer: ask.
        if not channel.is_open or not channel.consumer_tags:
            raise AMQPError("the broker closed the channel or cancelled the consumer")
        if time.monotonic() - self._seen_at > PROBE_S:
            channel.queue_declare(self.queue, passive=True)
            self._seen_at = time.monotonic()

    def _deliver(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        self._on_delivery(_message(method, properties, body))
        channel.basic_ack(method.delivery_tag)


def _message(method: Basic.Deliver | Basic.GetOk, properties: BasicProperties, body: bytes) -> Message:
    return Message(
        exchange=method.exchange,
        routing_key=method.routing_key,
        body=body,
        message_id=properties.message_id,
        headers=properties.headers or {},
    )


def tail(url: str) -> Iterator[Message]:
    """Every event from now on, through a queue of its own; ends when the caller stops."""
    with connection(url, "viral events tail") as opened:
        channel = opened.channel()
        declare_topology(channel)
        queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        channel.queue_bind(queue, EVENTS, "#")
        for method, properties, body in channel.consume(queue, auto_ack=True):
            yield _message(method, properties, body)


@dataclass(frozen=True)
class DeadLetter:
    """A message that a service gave up, with the reason in words."""

    message_id: str
    service: str
    queue: str
    type: str
    reason: str
    dead_at: str
    body: bytes


def dead_letters(url: str) -> list[DeadLetter]:
    """What lies in the dead-letter queue, oldest first; nothing is taken out."""
    with connection(url, "viral dead-letters list") as opened:
        channel = opened.channel()
        declare_topology(channel)
        return [_dead_letter(message) for _, message in _each_message(channel)]


def replay(url: str, message_ids: set[str] | None) -> int:
    """Send dead letters (all, or those named) back to the queue they came from; how many. None gets lost on the way."""
    with connection(url, "viral dead-letters replay") as opened:
        channel = opened.channel()
        channel.confirm_delivery()
        declare_topology(channel)
        chosen = [
            (tag, message)
            for tag, message in _each_message(channel)
            if message_ids is None or _dead_letter(message).message_id in message_ids
        ]
        for tag, message in chosen:
            letter = _dead_letter(message)
            channel.basic_publish(
                "",
                letter.queue,
                letter.body,
                BasicProperties(
                    content_type=CloudEvent.CONTENT_TYPE,
                    delivery_mode=2,
                    type=letter.type or None,
                    message_id=letter.message_id,
                    headers={"viral-replayed": True},
                ),
                mandatory=True,
            )
            channel.basic_ack(tag)
        return len(chosen)


def _each_message(channel: BlockingChannel) -> Iterator[tuple[int, Message]]:
    """Every message waiting now. Those not acknowledged go back when the connection closes."""
    while True:
        method, properties, body = channel.basic_get(DEAD_LETTER_QUEUE)
        if method is None or properties is None or body is None:
            return
        yield method.delivery_tag, _message(method, properties, body)


def _dead_letter(message: Message) -> DeadLetter:
    headers = message.headers
    return DeadLetter(
        message_id=str(headers.get("viral-message-id") or message.message_id or ""),
        service=str(headers.get("viral-service", "")),
        queue=str(headers.get("viral-queue", "") or headers.get("x-first-death-queue", "")),
        type=str(headers.get("viral-type", "") or ""),
        reason=str(headers.get("viral-reason", "") or headers.get("x-first-death-reason", "")),
        dead_at=str(headers.get("viral-dead-at", "")),
        body=message.body,
    )
