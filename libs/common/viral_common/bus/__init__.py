"""RabbitMQ: the topology, a publisher that is sure, a consumer that notices. No other package imports pika."""

from viral_common.bus.consumer import Consumer
from viral_common.bus.messages import Message
from viral_common.bus.operating import DeadLetter, Replayed, dead_letters, replay, tail
from viral_common.bus.publisher import Publisher
from viral_common.bus.topology import DEAD_LETTERS, EVENTS, QUEUES, connection, declare_topology, queue_of

__all__ = [
    "DEAD_LETTERS",
    "EVENTS",
    "QUEUES",
    "Consumer",
    "DeadLetter",
    "Message",
    "Publisher",
    "Replayed",
    "connection",
    "dead_letters",
    "declare_topology",
    "queue_of",
    "replay",
    "tail",
]
