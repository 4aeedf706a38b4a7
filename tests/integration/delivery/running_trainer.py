"""Run a service that handles batch.collected, publish messages for it, and read what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pika
from sqlalchemy import select
from viral_common.bus import topology
from viral_common.database.engine import Sessions
from viral_common.database.tables import InboxEvent, OutboxMessage
from viral_common.delivery.service import Service
from viral_common.events import BatchCollected, CloudEvent, Event, wrap_event
from viral_common.settings import CommonSettings

from tests.eventually import eventually

Handle = Callable[[BatchCollected], list[Event]]


@contextmanager
def run_trainer(settings: CommonSettings, handle: Handle, **more: Any) -> Iterator[Service]:
    """Run a service that consumes batch.collected."""
    with Service("trainer", settings) as service:
        service.handle(BatchCollected, handle, **more)
        service.start()
        eventually(lambda: service.find_missing() == [])
        yield service


def publish(url: str, body: bytes, routing_key: str = "batch.collected", **properties: Any) -> None:
    """Publish as any program on the broker might."""
    with topology.open_connection(url, "tests") as connection:
        channel = connection.channel()
        channel.basic_publish(topology.EVENTS, routing_key, body, pika.BasicProperties(**properties))


def publish_event(url: str, event: Event) -> CloudEvent:
    cloud_event = wrap_event(event, "viral/tests/host")
    publish(url, cloud_event.model_dump_json().encode(), event.name, message_id=str(cloud_event.id))
    return cloud_event


def read_inbox_row(db: Sessions, event_id: UUID, service: str = "trainer") -> InboxEvent | None:
    with db() as session:
        return session.get(InboxEvent, (service, event_id))


def read_state(db: Sessions, event_id: UUID) -> str | None:
    row = read_inbox_row(db, event_id)
    return row.state if row else None


def read_published(db: Sessions) -> list[OutboxMessage]:
    with db() as session:
        return list(session.scalars(select(OutboxMessage).where(OutboxMessage.published_at.is_not(None))))
