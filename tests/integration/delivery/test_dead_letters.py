"""Messages that nobody can use, and their way back."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from uuid import UUID

import pytest
from pika.exceptions import AMQPError
from pika.spec import BasicProperties
from viral_common.bus import operations, topology
from viral_common.bus.messages import Message
from viral_common.bus.publisher import Publisher
from viral_common.database.engine import Sessions
from viral_common.errors import Unusable
from viral_common.events import BatchCollected, Event, wrap_event
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.integration.delivery.example_events import make_batch_collected
from tests.integration.delivery.running_trainer import publish, publish_event, read_state, run_trainer


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "no valid batch.collected event"),
        (b"\xff\x00\xfe", "no valid batch.collected event"),
        (b'{"specversion": "1.0"}', "id: Field required"),
    ],
)
def test_a_message_that_is_no_event_is_a_dead_letter_with_its_reason_and_holds_nothing_up(
    settings: CommonSettings, db: Sessions, body: bytes, reason: str
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    with run_trainer(settings, lambda _: []):
        publish(url, body, message_id="theirs\x00")
        started = time.monotonic()
        good = publish_event(url, make_batch_collected())
        eventually(lambda: read_state(db, good.id) == "done")
        took_s = time.monotonic() - started
        letters = eventually(lambda: operations.list_dead_letters(url))

    assert took_s < 5
    assert [letter.body for letter in letters] == [body]
    assert reason in letters[0].reason
    assert letters[0].queue == "trainer.batch-collected"


class FarAway(datetime):
    """A time that a message can hold, and no Python can read."""

    def utctimetuple(self) -> time.struct_time:
        return time.struct_time((1970, 1, 10**12, 0, 0, 0, 0, 1, 0))


@pytest.mark.parametrize("body", [b"hello", None])
def test_properties_that_cannot_be_read_hold_nothing_up(
    settings: CommonSettings, db: Sessions, body: bytes | None
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    poisoned = wrap_event(make_batch_collected(), "tests")
    properties = BasicProperties(headers={"at": FarAway(2026, 1, 1)}, message_id=b"\xff\0")
    with run_trainer(settings, lambda _: []):
        with topology.open_connection(url, "tests") as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish(
                topology.EVENTS, "batch.collected", body or poisoned.model_dump_json().encode(), properties
            )
        good = publish_event(url, make_batch_collected())
        eventually(lambda: read_state(db, good.id) == "done")
        if body is None:
            eventually(lambda: read_state(db, poisoned.id) == "done")
        else:
            eventually(lambda: [letter.body for letter in operations.list_dead_letters(url)] == [body])


def test_of_a_message_that_is_too_long_only_the_beginning_and_the_digest_are_kept(
    settings: CommonSettings, db: Sessions
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    body = b"x" * 65_537
    with run_trainer(settings, lambda _: []):
        publish(url, body)
        (letter,) = eventually(lambda: operations.list_dead_letters(url))

    assert letter.body == body[:1024]
    assert "65,537 bytes, an event has 65,536 at most" in letter.reason
    assert hashlib.sha256(body).hexdigest() in letter.reason


def test_the_broker_takes_no_message_of_more_than_a_mebibyte(settings: CommonSettings) -> None:
    with topology.open_connection(settings.rabbitmq_url.get_secret_value(), "tests") as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(AMQPError, match="larger than configured max size 1048576"):
            channel.basic_publish(topology.EVENTS, "batch.collected", b"x" * (2**20 + 1))


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

    with run_trainer(settings, handle, on_dead_lettered=lambda _event, reason: given_up.append(reason)):
        event = publish_event(url, make_batch_collected())
        letters = eventually(lambda: operations.list_dead_letters(url))
        publish_event(url, make_batch_collected(event.id))
        assert read_state(db, event.id) == "dead-lettered"
        replayed = operations.replay(url, {str(event.id)})
        eventually(lambda: read_state(db, event.id) == "done")

    assert letters[0].reason == "batch 7 does not exist"
    assert given_up == ["batch 7 does not exist"]
    assert (replayed.count, len(attempts), operations.list_dead_letters(url)) == (1, 2, [])


def test_a_dead_letter_whose_queue_is_gone_stays_and_the_others_go_back(settings: CommonSettings) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    queues = {"7": "gateway.model-promoted.gone", "8": "trainer.batch-collected", "": ""}
    with topology.open_connection(url, "tests") as connection:
        publisher = Publisher(connection, "tests")
        for message_id, queue in queues.items():
            headers = {"viral-message-id": message_id, "viral-queue": queue}
            publisher.publish(Message(topology.DEAD_LETTERS, "any", b"hello", headers=headers))

    replayed = operations.replay(url, None)

    assert replayed.count == 1
    assert replayed.stayed == [
        "7 stays where it is: its queue 'gateway.model-promoted.gone' is gone",
        "a message without id stays where it is: it names no queue",
    ]
    assert [letter.message_id for letter in operations.list_dead_letters(url)] == ["7", ""]
