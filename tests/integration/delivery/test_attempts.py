"""An event is handled again after a failure, and by one worker at a time."""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, update
from viral_common.bus import operations
from viral_common.database.engine import Sessions
from viral_common.database.tables import InboxEvent
from viral_common.delivery import inbox
from viral_common.errors import NotYet, Unusable
from viral_common.events import BatchCollected, CloudEvent, Event, wrap_event
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.integration.delivery.example_events import make_batch_collected
from tests.integration.delivery.running_trainer import publish_event, read_inbox_row, read_state, run_trainer


def test_a_failing_handler_is_retried_with_backoff_then_given_up(
    settings: CommonSettings, db: Sessions
) -> None:
    url = settings.rabbitmq_url.get_secret_value()
    at: list[float] = []

    def handle(_: BatchCollected) -> list[Event]:
        at.append(time.monotonic())
        raise RuntimeError("out of\x00 luck")

    with run_trainer(settings.model_copy(update={"retry_base_s": 0.3}), handle):
        event = publish_event(url, make_batch_collected())
        eventually(lambda: read_state(db, event.id) == "dead-lettered")
        letter = eventually(lambda: operations.list_dead_letters(url))[0]

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

    with run_trainer(settings, handle):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        eventually(lambda: read_state(db, event.id) == "done")

    row = read_inbox_row(db, event.id)
    assert row
    assert (row.failures, row.claims) == (0, 1)


def test_a_handler_longer_than_its_lease_keeps_the_event(settings: CommonSettings, db: Sessions) -> None:
    handled: list[UUID] = []

    def handle(event: BatchCollected) -> list[Event]:
        handled.append(event.id)
        time.sleep(2.5 * settings.lease_s)
        return []

    with run_trainer(settings, handle), run_trainer(settings, handle):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        eventually(lambda: read_state(db, event.id) == "done")

    assert handled == [event.id]


def test_a_lease_is_kept_although_renewing_it_failed_once(
    settings: CommonSettings, db: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[UUID] = []
    faults = [RuntimeError("no connection is free")]
    renew = inbox.renew

    def renew_at_last(*arguments: Any) -> None:
        if faults:
            raise faults.pop()
        renew(*arguments)

    def handle(event: BatchCollected) -> list[Event]:
        handled.append(event.id)
        time.sleep(2 * settings.lease_s)
        return []

    monkeypatch.setattr(inbox, "renew", renew_at_last)
    with run_trainer(settings, handle), run_trainer(settings, handle):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        eventually(lambda: read_state(db, event.id) == "done")

    assert handled == [event.id]
    assert faults == []


def test_a_worker_that_lost_its_lease_settles_nothing(settings: CommonSettings, db: Sessions) -> None:
    event = wrap_event(make_batch_collected(), "viral/tests/host")
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

    assert read_state(db, event.id) == "running"


def test_a_stopped_service_gives_its_event_back_at_once(settings: CommonSettings, db: Sessions) -> None:
    busy = threading.Event()

    def handle(_: BatchCollected) -> list[Event]:
        busy.set()
        time.sleep(8)
        return []

    with run_trainer(settings.model_copy(update={"lease_s": 3600}), handle):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        assert busy.wait(30)

    row = read_inbox_row(db, event.id)
    assert row
    assert (row.state, row.claims, row.failures) == ("pending", 0, 0)


def test_giving_an_event_up_is_tried_again_too(settings: CommonSettings, db: Sessions) -> None:
    reasons: list[str] = []

    def handle(_: BatchCollected) -> list[Event]:
        raise Unusable("out of\x00 luck")

    def on_dead_lettered(_: BatchCollected, reason: str) -> None:
        reasons.append(reason)
        if len(reasons) == 1:
            raise RuntimeError("the disk is full")

    with run_trainer(settings, handle, on_dead_lettered=on_dead_lettered):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        eventually(lambda: read_state(db, event.id) == "dead-lettered")

    assert reasons == ["out of luck"] * 2


def test_failures_do_not_count_as_kills(
    settings: CommonSettings, db: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons: list[str] = []

    def handle(_: BatchCollected) -> list[Event]:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(inbox, "KILL_LIMIT", 1)
    with run_trainer(settings, handle, on_dead_lettered=lambda _, reason: reasons.append(reason)):
        event = publish_event(settings.rabbitmq_url.get_secret_value(), make_batch_collected())
        eventually(lambda: read_state(db, event.id) == "dead-lettered")

    assert reasons == ["failed 3 times, last with RuntimeError: out of luck"]


@pytest.mark.parametrize(("kills", "state"), [(999, "done"), (1_000, "dead-lettered")])
def test_a_handler_is_started_again_after_a_thousand_kills_and_then_given_up(
    settings: CommonSettings, db: Sessions, kills: int, state: str
) -> None:
    event = record_event(db)
    with db.begin() as session:
        session.execute(update(InboxEvent).values(claims=kills, state="running", lease_until=func.now()))

    with run_trainer(settings, lambda _: []):
        eventually(lambda: read_state(db, event.id) == state)


def test_an_event_whose_worker_was_killed_lets_others_go_first(db: Sessions) -> None:
    killed, fresh = record_event(db), record_event(db)
    with db.begin() as session:
        first = inbox.claim(session, "trainer", "killed", lease_s=0)

    with db.begin() as session:
        then = inbox.claim(session, "trainer", "next", lease_s=60)
        last = inbox.claim(session, "trainer", "last", lease_s=60)

    assert [claim and claim.cloud_event.id for claim in (first, then, last)] == [
        killed.id,
        fresh.id,
        killed.id,
    ]


def record_event(db: Sessions) -> CloudEvent:
    event = wrap_event(make_batch_collected(), "viral/tests/host")
    with db.begin() as session:
        inbox.record(session, "trainer", event, event.model_dump_json().encode(), replayed=False)
    return event
