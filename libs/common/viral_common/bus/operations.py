"""Watch events, list dead letters and send them back, as an operator does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, UnroutableError
from pika.spec import BasicProperties

from viral_common.bus.messages import Message
from viral_common.bus.topology import (
    AUDIT_QUEUE,
    DEAD_LETTER_QUEUE,
    EVENTS,
    OTHER_ARGUMENTS,
    declare_topology,
    open_connection,
    require_queue,
)
from viral_common.events import CloudEvent
from viral_common.tweets.text import clean


def prepare_broker(url: str) -> None:
    """Make every exchange, queue and binding that is missing; again changes nothing.

    A queue of the newest events that is of another kind is made anew: it holds copies for people to look at.
    """
    with open_connection(url, "viral servers prepare") as opened:
        try:
            declare_topology(opened.channel())
        except ChannelClosedByBroker as error:
            if error.reply_code != OTHER_ARGUMENTS or f"'{AUDIT_QUEUE}'" not in error.reply_text:
                raise
            opened.channel().queue_delete(AUDIT_QUEUE)
            declare_topology(opened.channel())


def tail(url: str) -> Iterator[Message]:
    """Yield every event from now on, through a queue of its own; ends when the caller stops."""
    with open_connection(url, "viral events tail") as opened:
        channel = opened.channel()
        queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        channel.queue_bind(queue, EVENTS, "#")
        for method, properties, body in channel.consume(queue, auto_ack=True):
            yield Message.from_delivery(method, properties, body)


@dataclass(frozen=True)
class DeadLetter:
    """Hold a message that a service gave up, with the reason in words."""

    message_id: str
    service: str
    queue: str
    type: str
    reason: str
    dead_lettered_at: str
    body: bytes

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Read the headers; where the broker itself gave the message up, its own."""
        headers = message.headers

        def read(*names: str) -> str:
            # Shown on terminals, which obey control characters.
            return clean(str(next(filter(None, map(headers.get, names)), "")))

        return cls(
            message_id=read("viral-message-id") or message.message_id or "",
            service=read("viral-service"),
            queue=read("viral-queue", "x-first-death-queue"),
            type=read("viral-type"),
            reason=read("viral-reason", "x-first-death-reason"),
            dead_lettered_at=read("viral-dead-at"),
            body=message.body,
        )


def list_dead_letters(url: str) -> list[DeadLetter]:
    """List what lies in the dead-letter queue, oldest first; nothing is taken out."""
    with open_connection(url, "viral dead-letters list") as opened:
        channel = opened.channel()
        require_queue(channel, DEAD_LETTER_QUEUE)
        return [DeadLetter.from_message(message) for _, message in _read_waiting_messages(channel)]


@dataclass(frozen=True)
class Replayed:
    """Count the dead letters that went back; `stayed` says why the others did not, a line each."""

    count: int
    stayed: list[str]


def replay(url: str, message_ids: set[str] | None) -> Replayed:
    """Send dead letters (all, or those named) back to the queue they came from; none gets lost on the way."""
    count, stayed = 0, []
    with open_connection(url, "viral dead-letters replay") as opened:
        channel = opened.channel()
        channel.confirm_delivery()
        require_queue(channel, DEAD_LETTER_QUEUE)
        for tag, message in list(_read_waiting_messages(channel)):
            letter = DeadLetter.from_message(message)
            if message_ids is not None and letter.message_id not in message_ids:
                continue
            try:
                _send_back(channel, letter)
            except UnroutableError:
                # A gateway's queue is gone with its process, and what it missed it reads from Postgres.
                where = f"its queue {letter.queue!r} is gone" if letter.queue else "it names no queue"
                stayed.append(f"{letter.message_id or 'a message without id'} stays where it is: {where}")
            else:
                channel.basic_ack(tag)
                count += 1
    return Replayed(count, stayed)


def _send_back(channel: BlockingChannel, letter: DeadLetter) -> None:
    properties = BasicProperties(
        content_type=CloudEvent.CONTENT_TYPE,
        delivery_mode=2,
        type=letter.type or None,
        message_id=letter.message_id,
        headers={"viral-replayed": True},
    )
    channel.basic_publish("", letter.queue, letter.body, properties, mandatory=True)


def _read_waiting_messages(channel: BlockingChannel) -> Iterator[tuple[int, Message]]:
    """Read every message waiting now. Those not acknowledged go back when the connection closes."""
    while True:
        method, properties, body = channel.basic_get(DEAD_LETTER_QUEUE)
        if method is None or properties is None or body is None:
            return
        yield method.delivery_tag, Message.from_delivery(method, properties, body)
