"""Work through a service's inbox: claim, handle while the lease is renewed, settle in one transaction."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from viral_common.bus.topology import build_queue_name
from viral_common.database.engine import POSTGRES_AWAY, Sessions
from viral_common.delivery import inbox, outbox, telemetry
from viral_common.delivery.inbox import Claim, LeaseLost
from viral_common.delivery.stop_signal import StopSignal
from viral_common.errors import NotYet, Unusable, ViralError
from viral_common.events import Event, wrap_event
from viral_common.settings import CommonSettings
from viral_common.tweets.text import clean

log = structlog.get_logger()

# What this process received, it is woken for; another one's, or one whose worker is gone, is found within this time.
POLL_S = 2.0
DEFER_S = 2.0
# However long a lease, that its keeper stands still shows soon.
RENEW_S = 10.0
AGAIN_S = 1.0


@dataclass(frozen=True)
class Handler:
    """Hold what to do about an event.

    `handle` returns the events it causes and may run twice; `on_dead_lettered` records that the event was given up.
    """

    handle: Callable[[Any], list[Event]]
    on_dead_lettered: Callable[[Any, str], None] | None = None


class Worker:
    """Handle one event at a time. Several workers of one service can share the inbox."""

    def __init__(
        self,
        service: str,
        instance: str,
        sessions: Sessions,
        settings: CommonSettings,
        handlers: Mapping[str, Handler],
    ) -> None:
        self._service, self._instance, self._sessions = service, instance, sessions
        self._settings, self._handlers = settings, handlers
        self._source = f"viral/{instance.replace('@', '/')}"
        self.woken = threading.Event()
        self._held: Claim | None = None
        self._rest_s = POLL_S
        self._note_turn: Callable[[float], None] = lambda _: None

    def run(self, stopping: StopSignal) -> None:
        """Work until `stopping`. Postgres away, or whatever else: wait and go on."""
        self._note_turn = stopping.note_turn
        while not stopping.is_set():
            try:
                busy = self.work_once()
            except LeaseLost as error:
                log.warning("lease lost; another worker has the event", event_id=str(error))
                busy = True
            except POSTGRES_AWAY as error:
                log.warning("Postgres does not answer; trying again", reason=str(error.orig).strip())
                busy = False
            except Exception:  # the thread's edge: it must outlive everything
                log.exception("work interrupted; trying again", retry_in_s=POLL_S)
                busy = False
            if not busy:
                self.woken.wait(self._rest_s)
                self.woken.clear()
                self._rest_s = POLL_S

    def work_once(self) -> bool:
        """Claim one event and settle it; False if none was due."""
        with self._sessions.begin() as session:
            owner = f"{self._instance}:{uuid4().hex[:12]}"
            held = inbox.claim(session, self._service, owner, self._settings.lease_s)
        if held is None:
            return False
        event = held.cloud_event
        structlog.contextvars.bind_contextvars(event_id=str(event.id), batch_id=event.correlationid)
        self._held = held
        try:
            self._work(held)
        finally:
            self._held = None
            structlog.contextvars.unbind_contextvars("event_id", "batch_id")
        return True

    def release(self) -> None:
        """Give the event in hand back at once, so that another worker need not wait for the lease to run out."""
        held = self._held
        if held is not None:
            with self._sessions.begin() as session:
                inbox.defer(session, held, "the service was stopped", after_s=0)
            log.info("released", event_id=str(held.cloud_event.id))

    def _work(self, held: Claim) -> None:
        started = time.monotonic()
        try:
            # Without the claims that ended in a failure: those have a limit of their own.
            if (kills := held.claims - held.failures - 1) >= inbox.KILL_LIMIT:
                raise Unusable(f"its handler was started {kills:,} times and never came to an end")
            if kills:
                log.warning("started again: its process was killed before", kills=kills)
            with self._renew_lease(held):
                caused = self._handlers[held.cloud_event.type].handle(held.cloud_event.to_event())
        except Unusable as error:
            self._dead_letter(held, str(error))
        except (NotYet, *POSTGRES_AWAY) as error:
            self._defer(held, error)
        except Exception as error:
            # This product's errors say what happened; of any other the place is wanted.
            known = isinstance(error, ViralError)
            log.log(logging.ERROR, "handler failed", failures=held.failures + 1, exc_info=not known)
            self._fail(held, str(error) if known else f"{type(error).__name__}: {error}")
        else:
            self._finish(held, caused)
        telemetry.HANDLER_SECONDS.labels(held.cloud_event.type).observe(time.monotonic() - started)

    def _finish(self, held: Claim, caused: list[Event]) -> None:
        with self._sessions.begin() as session:
            for event in caused:
                outbox.add_event(session, self._service, wrap_event(event, self._source, held.cloud_event))
            inbox.finish(session, held)
        self._count(held, "done")
        log.info("handled", type=held.cloud_event.type, caused=[event.name for event in caused])

    def _defer(self, held: Claim, error: Exception) -> None:
        with self._sessions.begin() as session:
            inbox.defer(session, held, str(error), DEFER_S)
        self._count(held, "deferred")
        log.info("must wait", reason=str(error), retry_in_s=DEFER_S)

    def _fail(self, held: Claim, error: str) -> None:
        if held.failures + 1 >= self._settings.retry_limit:
            self._dead_letter(held, f"failed {held.failures + 1} times, last with {error}")
            return
        after_s = self._settings.retry_base_s * 2**held.failures
        self._rest_s = min(POLL_S, after_s)
        with self._sessions.begin() as session:
            inbox.retry(session, held, error, after_s)
        self._count(held, "failed")
        log.warning("will be retried", retry_in_s=after_s)

    def _dead_letter(self, held: Claim, reason: str) -> None:
        event = held.cloud_event
        on_dead_lettered = self._handlers[event.type].on_dead_lettered
        if on_dead_lettered:
            on_dead_lettered(event.to_event(), clean(reason))
        with self._sessions.begin() as session:
            outbox.add_dead_letter(
                session,
                self._service,
                build_queue_name(self._service, event.type),
                reason,
                held.body,
                message_id=str(event.id),
                event_type=event.type,
            )
            inbox.dead_letter(session, held, reason)
        self._count(held, "dead-lettered")
        log.error("dead-lettered", type=event.type, reason=reason)

    def _count(self, held: Claim, outcome: str) -> None:
        telemetry.EVENTS_HANDLED.labels(held.cloud_event.type, outcome).inc()

    @contextmanager
    def _renew_lease(self, held: Claim) -> Iterator[None]:
        done = threading.Event()

        every_s = min(self._settings.lease_s / 3, RENEW_S)

        def renew() -> None:
            rest_s = every_s
            while True:
                self._note_turn(rest_s)
                if done.wait(rest_s):
                    return
                rest_s = min(every_s, AGAIN_S)
                try:
                    with self._sessions.begin() as session:
                        inbox.renew(session, held, self._settings.lease_s)
                    rest_s = every_s
                except LeaseLost:
                    log.warning("lease lost while working; the result will not count")
                    return
                except POSTGRES_AWAY as error:
                    log.warning("lease not renewed; trying again", reason=str(error.orig).strip())
                except Exception:  # the thread's edge: without it the lease would run out
                    log.exception("lease not renewed; trying again")

        keeper = threading.Thread(target=renew, name="lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()
