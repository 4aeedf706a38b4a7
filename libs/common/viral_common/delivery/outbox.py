"""Write messages in the transaction that made them true, and publish them afterwards."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection, event, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from viral_common.bus import topology
from viral_common.bus.messages import Message
from viral_common.bus.publisher import Publisher
from viral_common.database.engine import Sessions, describe_outage
from viral_common.database.tables import OutboxMessage
from viral_common.delivery import telemetry
from viral_common.errors import summarise_error
from viral_common.events import CloudEvent
from viral_common.tweets.text import clean

log = structlog.get_logger()

# What this process writes is published at once; what another one wrote, a command say, within this time.
POLL_S = 2.0
RETRY_S = 2.0
# A message that waits longer is one that cannot be published.
OVERDUE_S = 30
WRITTEN = "message written"


def add_event(session: Session, service: str, cloud_event: CloudEvent) -> None:
    """Have an event published once this transaction commits; the same event id again changes nothing."""
    body = cloud_event.model_dump_json(exclude_none=True).encode()
    _add(session, service, Message(topology.EVENTS, cloud_event.type, body, message_id=str(cloud_event.id)))


def find_overdue(connection: Connection, service: str) -> str | None:
    """Find whether a message of the service waits too long to be published, in words."""
    waited = func.extract("epoch", func.clock_timestamp() - func.min(OutboxMessage.created_at))
    waited_s = connection.scalar(
        select(waited).where(OutboxMessage.service == service, OutboxMessage.published_at.is_(None))
    )
    return f"a message has waited {waited_s:.0f} s to be published" if (waited_s or 0) > OVERDUE_S else None


def add_dead_letter(
    session: Session, service: str, queue: str, reason: str, body: bytes, *, message_id: str, event_type: str
) -> None:
    """Have a copy of a message that cannot be handled published to the dead letters, with the reason in its headers."""
    now = datetime.now(UTC)
    headers = {
        "viral-message-id": message_id,
        "viral-service": service,
        "viral-queue": queue,
        "viral-type": event_type,
        "viral-reason": clean(reason)[:2000],
        "viral-dead-at": now.isoformat(timespec="seconds"),
    }
    # An event given up again after a replay is a new dead letter: hence the time in the key.
    key = f"dead-letter:{service}:{message_id}:{now.timestamp()}"
    _add(
        session,
        service,
        Message(topology.DEAD_LETTERS, queue, body, message_id=key, headers=headers),
    )


def _add(session: Session, service: str, message: Message) -> None:
    session.info[WRITTEN] = True
    session.execute(
        insert(OutboxMessage)
        .values(
            message_id=message.message_id,
            service=service,
            exchange=message.exchange,
            routing_key=message.routing_key,
            headers=message.headers,
            body=message.body,
        )
        .on_conflict_do_nothing(index_elements=[OutboxMessage.message_id])
    )


class Relay:
    """Publish a service's outbox in order. A crash between publishing and stamping publishes the same id again."""

    def __init__(self, sessions: Sessions, url: str, service: str, name: str) -> None:
        self._sessions, self._url, self._service, self._name = sessions, url, service, name
        self._publisher: Publisher | None = None
        self.problem: str | None = "RabbitMQ has not answered yet"
        event.listen(sessions, "after_commit", self._on_commit)

    def run(self, stopping: threading.Event) -> None:
        """Publish what comes until `stopping`; broker or database away: try again."""
        while not stopping.is_set():
            try:
                with topology.open_connection(self._url, self._name) as opened:
                    self._publisher = publisher = Publisher(opened, self._name)
                    while not stopping.is_set():
                        published, self.problem = self._publish_next(publisher), None
                        if not published:
                            publisher.wait(POLL_S)
            except Exception as error:  # noqa: BLE001  (this loop is the thread's edge: it must outlive everything)
                self.problem = f"nothing is published: {describe_outage(error) or summarise_error(error)}"
                log.warning("relay interrupted", reason=repr(error), retry_in_s=RETRY_S)
                stopping.wait(RETRY_S)

    def wake(self) -> None:
        """Look now, from any thread, for what waits, or for whether to stop."""
        if self._publisher is not None:
            self._publisher.wake()

    def _on_commit(self, session: Session) -> None:
        if session.info.pop(WRITTEN, False):
            self.wake()

    def publish_waiting(self) -> int:
        """Publish all that waits, once, and count it: for commands that run and end."""
        with topology.open_connection(self._url, self._name) as opened:
            publisher = Publisher(opened, self._name)
            count = 0
            while self._publish_next(publisher):
                count += 1
            return count

    def _publish_next(self, publisher: Publisher) -> bool:
        with self._sessions.begin() as session:
            row = session.scalars(
                select(OutboxMessage)
                .where(OutboxMessage.service == self._service, OutboxMessage.published_at.is_(None))
                .order_by(OutboxMessage.seq)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if row is None:
                return False
            publisher.publish(
                Message(row.exchange, row.routing_key, row.body, row.message_id, dict(row.headers))
            )
            session.execute(
                update(OutboxMessage)
                .where(OutboxMessage.seq == row.seq)
                .values(published_at=func.clock_timestamp())
            )
            telemetry.EVENTS_PUBLISHED.labels(row.routing_key).inc()
            log.info("published", routing_key=row.routing_key, message_id=row.message_id)
            return True
