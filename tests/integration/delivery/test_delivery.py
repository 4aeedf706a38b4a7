"""From the outbox of one service to the handler of another, through a real broker and a real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4, uuid5

import pika
import pytest
from sqlalchemy import select
from viral_common import bus, inbox
from viral_common.database import Sessions
from viral_common.errors import NotYet, Unusable
from viral_common.events import BatchCollected, CloudEvent, Event, ModelPromoted, caused_id, envelope
from viral_common.models import InboxEvent, OutboxMessage
from viral_common.service import Service
from viral_common.settings import CommonSettings

from tests.integration.delivery.facts import batch_collected, model_trained

Handle = Callable[[BatchCollected], list[Event]]


@contextmanager
def trainer(settings: CommonSettings, handle: Handle, **more: Any) -> Iterator[Service]:
    """A running service that consumes batch.collected."""
    with Service("trainer", settings) as service:
        service.handle(BatchCollected, handle, **more)
        service.start()
        eventually(lambda: service.ready() == [])
        yield service


def eventually(condition: Callable[[], Any], within_s: float = 30) -> Any:
    """Poll until true; fails with what it last saw."""
    deadline = time.monotonic() + within_s
    while not (seen := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s} s; last seen: {seen!r}")
        time.sleep(0.05)
    return seen


def publish(url: str, body: bytes, routing_key: str = "batch.collected", **properties: Any) -> None:
    """As any program on the broker might."""
    with bus.connection(url, "tests") as connection:
        channel = connection.channel()
        bus.declare_topology(channel)
        channel.basic_publish(bus.EVENTS, routing_key, body, pika.BasicProperties(**properties))


def publish_event(url: str, event: Event) -> CloudEvent:
    cloud_event = envelope(event, "viral/tests/host")
    publish(url, cloud_event.model_dump_json().encode(), event.name, message_id=str(cloud_event.id))
    return cloud_event


def inbox_row(db: Sessions, event_id: UUID, service: str = "trainer") -> InboxEvent | None:
    with db() as session:
        return session.get(InboxEvent, (service, event_id))


def state(db: Sessions, event_id: UUID) -> str | None:
    row = inbox_row(db, event_id)
    return row.state if row else None


def published(db: Sessions) -> list[OutboxMessage]:
    with db() as session:
        return list(session.scalars(select(OutboxMessage).where(OutboxMessage.published_at.is_not(None))))


def test_a_handled_event_causes_the_next_one_with_its_trace(settings: CommonSettings, db: Sessions) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    heard: list[bus.Message] = []
    with trainer(settings, lambda event: [model_trained(event.batch_id)]):
        cause = publish_event(url, batch_collected())
        row = eventually(lambda: published(db))[0]
        with bus.connection(url, "tests") as connection:
            method, properties, body = connection.channel().basic_get("evaluator.model-trained")
            heard.append(bus.Message(method.exchange, method.routing_key, body))

    caused = CloudEvent.model_validate_json(heard[0].body)
    assert caused.id == caused_id(cause.id, "model.trained")
    assert caused.causationid == str(cause.id)
    assert caused.traceparent.split("-")[1] == cause.traceparent.split("-")[1]
    assert row.message_id == str(caused.id)
    assert (properties.type, properties.message_id, properties.delivery_mode) == (
        "model.trained",
        str(caused.id),
        2,
    )
    assert properties.correlation_id == cause.correlationid
    assert properties.app_id.startswith("trainer@")
    assert properties.timestamp
    assert properties.content_type == "application/cloudevents+json"
    assert state(db, cause.id) == "done"


def test_an_event_that_comes_many_times_is_handled_once(settings: CommonSettings, db: Sessions) -> None:
    handled: list[UUID] = []
    event = batch_collected()

    def handle(event: BatchCollected) -> list[Event]:
        handled.append(event.id)
        return []

    with trainer(settings, handle):
        for _ in range(5):
            publish_event(settings.rabbitmq_url.get_secret_value(), event)
        last = publish_event(settings.rabbitmq_url.get_secret_value(), batch_collected())
        eventually(lambda: state(db, last.id) == "done")

    assert handled == [event.id, last.id]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "no sound batch.collected event"),
        (b"\xff\x00\xfe", "no sound batch.collected event"),
        (b'{"specversion": "1.0"}', "id: Field required"),
    ],
)
def test_a_message_that_is_no_event_is_a_dead_letter_with_its_reason_and_holds_nothing_up(
    settings: CommonSettings, db: Sessions, body: bytes, reason: str
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    with trainer(settings, lambda _: []):
        publish(url, body, message_id="theirs\x00")
        started = time.monotonic()
        good = publish_event(url, batch_collected())
        eventually(lambda: state(db, good.id) == "done")
        took_s = time.monotonic() - started
        letters = eventually(lambda: bus.dead_letters(url))

    assert took_s < 5
    assert [letter.body for letter in letters] == [body]
    assert reason in letters[0].reason
    assert letters[0].queue == "trainer.batch-collected"


def test_an_unusable_event_is_a_dead_letter_at_once_and_can_be_replayed(
    settings: CommonSettings, db: Sessions
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    attempts: list[UUID] = []
    given_up: list[str] = []

    def handle(event: BatchCollected) -> list[Event]:
        attempts.append(event.id)
        if len(attempts) == 1:
            raise Unusable("batch 7 does not exist")
        return []

    with trainer(settings, handle, on_dead=lambda _event, reason: given_up.append(reason)):
        event = publish_event(url, batch_collected())
        letters = eventually(lambda: bus.dead_letters(url))
        publish_event(url, batch_collected(event.id))
        assert state(db, event.id) == "dead"
        replayed = bus.replay(url, {str(event.id)})
        eventually(lambda: state(db, event.id) == "done")

    assert letters[0].reason == "batch 7 does not exist"
    assert given_up == ["batch 7 does not exist"]
    assert (replayed.count, len(attempts), bus.dead_letters(url)) == (1, 2, [])


def test_a_failing_handler_is_retried_with_backoff_then_given_up(
    settings: CommonSettings, db: Sessions
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    at: list[float] = []

    def handle(_: BatchCollected) -> list[Event]:
        at.append(time.monotonic())
        raise RuntimeError("out of\x00 luck")

    with trainer(settings.model_copy(update={"retry_base_s": 0.3}), handle):
        event = publish_event(url, batch_collected())
        eventually(lambda: state(db, event.id) == "dead")
        letter = eventually(lambda: bus.dead_letters(url))[0]

    assert letter.reason == "failed 3 times, last with RuntimeError: out of luck"
    assert len(at) == settings.retry_limit
    assert at[1] - at[0] >= 0.3
    assert at[2] - at[1] >= 0.6


def test_an_event_that_must_wait_is_not_counted_as_failed(settings: CommonSettings, db: Sessions) -> None:
    may_go = threading.Event()

    def handle(_: BatchCollected) -> list[Event]:
        if not may_go.is_set():
            may_go.set()
            raise NotYet("batch 6 is trained first")
        return []

    with trainer(settings, handle):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), batch_collected())
        eventually(lambda: state(db, event.id) == "done")

    row = inbox_row(db, event.id)
    assert row
    assert (row.failures, row.claims) == (0, 1)


def test_a_handler_longer_than_its_lease_keeps_the_event(settings: CommonSettings, db: Sessions) -> None:
    handled: list[UUID] = []

    def handle(event: BatchCollected) -> list[Event]:
        handled.append(event.id)
        time.sleep(2.5 * settings.lease_s)
        return []

    with trainer(settings, handle), trainer(settings, handle):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), batch_collected())
        eventually(lambda: state(db, event.id) == "done")

    assert handled == [event.id]


def test_a_worker_that_lost_its_lease_settles_nothing(settings: CommonSettings, db: Sessions) -> None:
    event = envelope(batch_collected(), "viral/tests/host")
    with db.begin() as session:
        inbox.record(session, "trainer", event, event.model_dump_json().encode(), replayed=False)
    with db.begin() as session:
        late = inbox.claim(session, "trainer", "late", lease_s=0)
    with db.begin() as session:
        next_one = inbox.claim(session, "trainer", "next", lease_s=60)
    assert late
    assert next_one

    with pytest.raises(inbox.LeaseLost), db.begin() as session:
        inbox.finish(session, late)

    assert state(db, event.id) == "running"


def test_a_stopped_service_gives_its_event_back_at_once(settings: CommonSettings, db: Sessions) -> None:
    busy = threading.Event()

    def handle(_: BatchCollected) -> list[Event]:
        busy.set()
        time.sleep(8)
        return []

    with trainer(settings.model_copy(update={"lease_s": 3600}), handle):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), batch_collected())
        assert busy.wait(30)

    row = inbox_row(db, event.id)
    assert row
    assert (row.state, row.claims, row.failures) == ("pending", 0, 0)


def test_a_handler_that_takes_its_process_down_again_and_again_is_given_up(
    settings: CommonSettings, db: Sessions
) -> None:
    event = envelope(batch_collected(), "viral/tests/host")
    with db.begin() as session:
        inbox.record(session, "trainer", event, event.model_dump_json().encode(), replayed=False)
    for crash in range(inbox.CLAIM_LIMIT):
        with db.begin() as session:
            assert inbox.claim(session, "trainer", f"crash {crash}", lease_s=0)

    with trainer(settings, lambda _: []):
        eventually(lambda: state(db, event.id) == "dead")


def test_a_consumer_whose_channel_the_broker_closes_is_noticed_and_comes_back(
    settings: CommonSettings, db: Sessions
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    with trainer(settings, lambda _: []) as service:
        with bus.connection(url, "tests") as connection:
            connection.channel().queue_delete("trainer.batch-collected")
        eventually(lambda: service.ready() != [], within_s=5)
        eventually(lambda: service.ready() == [], within_s=10)
        event = publish_event(url, batch_collected())
        eventually(lambda: state(db, event.id) == "done")


def test_a_replica_hears_promotions_on_a_queue_of_its_own(settings: CommonSettings) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    heard: list[int] = []
    bound = threading.Event()
    promoted = ModelPromoted(
        batch_id=uuid4(),
        promotion_seq=4,
        model_version=2,
        previous_version=None,
        mlflow_run_id="run",
        artifact_uri="uri",
        artifact_sha256="0" * 64,
        verdict_id=None,
        reason="first",
        metrics={},
    )
    with Service("gateway", settings) as gateway:
        gateway.subscribe(ModelPromoted, lambda event: heard.append(event.promotion_seq), bound.set)
        gateway.start()
        eventually(lambda: gateway.ready() == [])
        publish_event(url, promoted)
        eventually(lambda: heard)

    assert bound.is_set()
    assert heard == [4]


def test_every_event_lies_readable_in_the_audit_queue(settings: CommonSettings, db: Sessions) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    with Service("scraper", settings) as scraper:
        event = batch_collected(uuid5(uuid4(), "batch.collected"))
        with scraper.sessions.begin() as session:
            scraper.emit(session, event)
        scraper.start()
        eventually(lambda: published(db))

    with bus.connection(url, "tests") as connection:
        method, _, body = connection.channel().basic_get("audit")
    assert method.routing_key == "batch.collected"
    assert CloudEvent.model_validate_json(body).data["source"] == "archive"


def test_a_dead_letter_whose_queue_is_gone_stays_and_the_others_go_back(settings: CommonSettings) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    queues = {"7": "gateway.model-promoted.gone", "8": "trainer.batch-collected", "": ""}
    with bus.connection(url, "tests") as connection:
        publisher = bus.Publisher(connection, "tests")
        for message_id, queue in queues.items():
            headers = {"viral-message-id": message_id, "viral-queue": queue}
            publisher.publish(bus.Message(bus.DEAD_LETTERS, "any", b"hello", headers=headers))

    replayed = bus.replay(url, None)

    assert replayed.count == 1
    assert replayed.stayed == [
        "7 stays where it is: its queue 'gateway.model-promoted.gone' is gone",
        "a message without id stays where it is: it names no queue",
    ]
    assert [letter.message_id for letter in bus.dead_letters(url)] == ["7", ""]
