"""Consume a queue, and detect within seconds that the broker stopped delivering."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from viral_common.bus.messages import Message
from viral_common.bus.topology import EVENTS, open_connection, require_queue

log = structlog.get_logger()

POLL_S = 0.5
PROBE_S = 2.0
READY_S = 5.0
RECONNECT_S = (0.5, 5.0)


class Consumer:
    """Consume one queue on one thread for as long as the service runs: reconnect, and know whether it is consuming.

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

    def is_consuming(self) -> bool:
        """Tell whether the broker confirmed, within the last seconds, that this consumer's channel is alive."""
        return time.monotonic() - self._seen_at < READY_S

    def run(self, stopping: threading.Event) -> None:
        """Consume until `stopping`; after any break, connect again with a growing wait."""
        wait_s = RECONNECT_S[0]
        while not stopping.is_set():
            try:
                self._consume(stopping)
            except Exception as error:  # noqa: BLE001  (this loop is the thread's edge: it must outlive everything)
                log.warning("consumer interrupted", queue=self.queue, reason=repr(error), retry_in_s=wait_s)
            was_consuming, self._seen_at = self.is_consuming(), float("-inf")
            wait_s = RECONNECT_S[0] if was_consuming else min(2 * wait_s, RECONNECT_S[1])
            stopping.wait(wait_s)

    def _consume(self, stopping: threading.Event) -> None:
        with open_connection(self._url, self._name) as opened:
            channel = opened.channel()
            if self._own_binding:
                channel.queue_declare(self.queue, exclusive=True, auto_delete=True)
                channel.queue_bind(self.queue, EVENTS, self._own_binding)
            else:
                require_queue(channel, self.queue)
            channel.basic_qos(prefetch_count=10)
            channel.basic_consume(self.queue, self._deliver, consumer_tag=self.queue)
            if self._on_bound:
                self._on_bound()
            log.info("consuming", queue=self.queue)
            while not stopping.is_set():
                self._check_alive(channel)
                opened.process_data_events(time_limit=POLL_S)

    def _check_alive(self, channel: BlockingChannel) -> None:
        # pika goes on silently after the broker closed the channel or cancelled the consumer: ask.
        if not channel.is_open or not channel.consumer_tags:
            raise AMQPError("the broker closed the channel or cancelled the consumer")
        if time.monotonic() - self._seen_at > PROBE_S:
            channel.queue_declare(self.queue, passive=True)
            self._seen_at = time.monotonic()

    def _deliver(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        self._on_delivery(Message.from_delivery(method, properties, body))
        channel.basic_ack(method.delivery_tag)
