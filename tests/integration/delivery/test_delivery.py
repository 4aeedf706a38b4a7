"""From the outbox of one service to the handler of another, through a real broker and a real database."""

from __future__ import annotations

import re
import threading
import time
from uuid import UUID, uuid4, uuid5

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from viral_common.bus import topology
from viral_common.bus.messages import Message
from viral_common.bus.operations import prepare_broker
from viral_common.database.engine import Sessions
from viral_common.database.tables import OutboxMessage
from viral_common.delivery import outbox
from viral_common.delivery.service import Service
from viral_common.events import BatchCollected, CloudEvent, Event, ModelPromoted, derive_event_id, wrap_event
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.integration.delivery.example_events import make_batch_collected, make_model_trained
from tests.integration.delivery.running_trainer import publish_event, read_published, read_state, run_trainer


def test_a_handled_event_causes_the_next_one_with_its_trace(settings: CommonSettings, db: Sessions) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    received: list[Message] = []
    with run_trainer(settings, lambda event: [make_model_trained(event.batch_id)]):
        cause = publish_event(url, make_batch_collected())
        row = eventually(lambda: read_published(db))[0]
        with topology.open_connection(url, "tests") as connection:
            method, properties, body = connection.channel().basic_get("evaluator.model-trained")
            received.append(Message(method.exchange, method.routing_key, body))

    caused = CloudEvent.model_validate_json(received[0].body)
    assert caused.id == derive_event_id(cause.id, "model.trained")
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
    assert read_state(db, cause.id) == "done"


def test_an_event_that_comes_many_times_is_handled_once(settings: CommonSettings, db: Sessions) -> None:
    handled: list[UUID] = []
    event = make_batch_collected()

    def handle(event: BatchCollected) -> list[Event]:
        handled.append(event.id)
        return []

    with run_trainer(settings, handle):
        for _ in range(5):
            publish_event(settings.rabbitmq_url.get_secret_value(), event)
        last = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        eventually(lambda: read_state(db, last.id) == "done")

    assert handled == [event.id, last.id]


def test_a_consumer_whose_channel_the_broker_closes_is_noticed_and_comes_back(
    settings: CommonSettings, db: Sessions
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    with run_trainer(settings, lambda _: []) as service:
        with topology.open_connection(url, "tests") as connection:
            connection.channel().queue_delete("trainer.batch-collected")
        eventually(lambda: service.find_missing() != [], within_s=5)
        prepare_broker(url)
        eventually(lambda: service.find_missing() == [], within_s=10)
        event = publish_event(url, make_batch_collected())
        eventually(lambda: read_state(db, event.id) == "done")


def test_a_replica_hears_promotions_on_a_queue_of_its_own(settings: CommonSettings) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    received: list[int] = []
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
        gateway.subscribe(ModelPromoted, lambda event: received.append(event.promotion_seq), bound.set)
        gateway.start()
        eventually(lambda: gateway.find_missing() == [])
        publish_event(url, promoted)
        eventually(lambda: received)

    assert bound.is_set()
    assert received == [4]


def test_what_a_service_writes_is_published_at_once(
    settings: CommonSettings, db: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "POLL_S", 60)
    with Service("scraper", settings) as scraper:
        scraper.start()
        eventually(lambda: scraper.find_missing() == [])
        time.sleep(0.5)  # it rests by now
        with scraper.sessions.begin() as session:
            scraper.emit(session, make_batch_collected())

        eventually(lambda: read_published(db), within_s=5)


def test_what_a_command_writes_is_published_soon(settings: CommonSettings, db: Sessions) -> None:
    with Service("scraper", settings) as scraper:
        scraper.start()
        eventually(lambda: scraper.find_missing() == [])
        with db.begin() as session:
            outbox.add_event(session, "scraper", wrap_event(make_batch_collected(), "viral/tests/host"))

        eventually(lambda: read_published(db), within_s=outbox.POLL_S + 1)


def test_a_message_that_somebody_holds_back_is_named(
    settings: CommonSettings, db: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "OVERDUE_S", 0.5)
    with Service("scraper", settings) as scraper, db() as frozen:
        outbox.add_event(frozen, "scraper", wrap_event(make_batch_collected(), "viral/tests/host"))
        frozen.commit()
        frozen.execute(select(OutboxMessage).with_for_update())
        scraper.start()

        eventually(lambda: re.match("a message has waited [0-9]+ s to be", "".join(scraper.find_missing())))

        frozen.rollback()
        eventually(lambda: scraper.find_missing() == [])


def test_a_service_that_cannot_reach_the_broker_is_not_ready(settings: CommonSettings) -> None:
    away = settings.model_copy(update={"rabbitmq_url": SecretStr("amqp://127.0.0.1:1,127.0.0.1:2/")})
    with Service("scraper", away) as scraper:
        scraper.start()

        eventually(
            lambda: any(one.startswith("nothing is published: Rabb") for one in scraper.find_missing())
        )


def test_every_event_lies_readable_in_the_audit_queue(settings: CommonSettings, db: Sessions) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    with Service("scraper", settings) as scraper:
        event = make_batch_collected(uuid5(uuid4(), "batch.collected"))
        with scraper.sessions.begin() as session:
            scraper.emit(session, event)
        scraper.start()
        eventually(lambda: read_published(db))

    with topology.open_connection(url, "tests") as connection:
        method, _, body = connection.channel().basic_get("audit")
    assert method.routing_key == "batch.collected"
    assert CloudEvent.model_validate_json(body).data["source"] == "archive"
