"""Declare the exchanges, queues and bindings, and connect to them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import AMQPError, ChannelClosedByBroker

from viral_common.encryption import explain_failure, make_client_context, split_authority, split_hosts
from viral_common.errors import ServerAway

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
# A broker that says nothing any more is noticed after as long as Postgres is (viral_common.addresses).
TCP_OPTIONS = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 15_000}
NOT_FOUND = 404
OTHER_ARGUMENTS = 406


def build_queue_name(service: str, event_name: str) -> str:
    """Build the name of a service's queue: `trainer`, `batch.collected` -> `trainer.batch-collected`."""
    return f"{service}.{event_name.replace('.', '-')}"


def declare_topology(channel: BlockingChannel) -> None:
    """Declare every exchange, queue and binding, as `viral servers prepare` does; services only look."""
    channel.exchange_declare(EVENTS, "topic", durable=True)
    channel.exchange_declare(DEAD_LETTERS, "fanout", durable=True)
    channel.queue_declare(DEAD_LETTER_QUEUE, durable=True, arguments=_QUORUM)
    channel.queue_bind(DEAD_LETTER_QUEUE, DEAD_LETTERS)
    # Replicated like the others: a queue that took every event and went with its node would keep all from publishing.
    newest = {**_QUORUM, "x-max-length": AUDIT_LENGTH, "x-overflow": "drop-head"}
    channel.queue_declare(AUDIT_QUEUE, durable=True, arguments=newest)
    channel.queue_bind(AUDIT_QUEUE, EVENTS, "#")
    for queue, event_name in QUEUES.items():
        channel.queue_declare(
            queue, durable=True, arguments={**_QUORUM, "x-dead-letter-exchange": DEAD_LETTERS}
        )
        channel.queue_bind(queue, EVENTS, event_name)


def require_queue(channel: BlockingChannel, queue: str) -> None:
    """Raise ServerAway if the queue does not exist: the broker is not prepared, or somebody deleted it."""
    try:
        channel.queue_declare(queue, passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != NOT_FOUND:
            raise
        raise ServerAway(f"RabbitMQ has no queue {queue}: run `viral servers prepare`") from error


@contextmanager
def open_connection(url: str, name: str) -> Iterator[BlockingConnection]:
    """Open a connection that the management console shows as `name`, to any host that takes one.

    Raises ServerAway if there is no broker.
    """
    bare, authority = split_authority(url)
    hosts = [_build_parameters(host, authority, name) for host in split_hosts(bare)]
    random.shuffle(hosts)  # not all clients at one node
    try:
        opened = pika.BlockingConnection(hosts)
    except (AMQPError, OSError) as error:
        reason = explain_failure(repr(error)) or repr(error)
        asked = ", ".join(sorted(f"{one.host}:{one.port}" for one in hosts))
        raise ServerAway(
            f"RabbitMQ does not answer at {asked} ({reason}); check VIRAL_RABBITMQ_URL"
        ) from error
    try:
        yield opened
    finally:
        if opened.is_open:
            with closing(opened):
                pass


def _build_parameters(url: str, authority: str | None, name: str) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    if parameters.ssl_options:
        parameters.ssl_options = pika.SSLOptions(make_client_context(authority), parameters.host)
    parameters.heartbeat = HEARTBEAT_S
    parameters.tcp_options = TCP_OPTIONS
    parameters.blocked_connection_timeout = 15
    parameters.socket_timeout = parameters.stack_timeout = 5
    parameters.client_properties = {"connection_name": name, "product": "viral-tweets"}
    return parameters
