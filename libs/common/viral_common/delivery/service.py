"""Run a service: its consumers, its worker, its relay, each on a thread; and end it in order."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, TypeVar
from uuid import uuid4

import structlog
from pydantic import ValidationError

from viral_common.bus.consumer import Consumer
from viral_common.bus.messages import Message
from viral_common.bus.topology import build_queue_name
from viral_common.database.engine import Session, check_database, connect, make_sessions
from viral_common.delivery import inbox, outbox, telemetry
from viral_common.delivery.health import serve_health
from viral_common.delivery.outbox import Relay
from viral_common.delivery.stop_signal import LONGEST_TURN_S, StopSignal
from viral_common.delivery.worker import Handler, Worker
from viral_common.events import CloudEvent, Event, wrap_event
from viral_common.settings import CommonSettings

log = structlog.get_logger()

E = TypeVar("E", bound=Event)

# How long a stopping service waits for its threads before it goes without them.
STOP_S = 5.0
# No event of the contract comes near; what is longer is not parsed, and of it only the beginning is kept.
LONGEST_BODY = 64 * 1024
KEPT_OF_LONGER = 1024


class Service:
    """Wire handlers to events, then `run()`. Delivery follows docs/decisions/0001: record, acknowledge, then work."""

    def __init__(self, name: str, settings: CommonSettings) -> None:
        self.name = name
        self.instance = f"{name}@{socket.gethostname()}"
        self.settings = settings
        self.stopping = threading.Event()
        self._engine = connect(settings, self.instance)
        self.sessions = make_sessions(self._engine)
        self._url = settings.rabbitmq_url.get_secret_value()
        self._source = f"viral/{self.instance.replace('@', '/')}"
        self._handlers: dict[str, Handler] = {}
        self._worker = Worker(name, self.instance, self.sessions, settings, self._handlers)
        self._consumers: list[Consumer] = []
        self._tasks: list[tuple[StopSignal, Callable[[StopSignal], None]]] = []
        self._threads: list[threading.Thread] = []
        self._watched: list[Callable[[], list[str]]] = []
        self._doing: list[Callable[[], str]] = []
        self._relay = Relay(self.sessions, self._url, name, self.instance)
        self.add_background_task("relay", self._relay.run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def handle(
        self,
        event: type[E],
        handler: Callable[[E], list[Event]],
        on_dead_lettered: Callable[[E, str], None] | None = None,
    ) -> None:
        """Give each `event` to `handler`, at least once, and publish what it returns."""
        if not self._handlers:
            self.add_background_task("worker", self._worker.run)
        self._handlers[event.name] = Handler(handler, on_dead_lettered)
        self._consume(
            build_queue_name(self.name, event.name), lambda message: self._take_over(event, message)
        )

    def subscribe(
        self, event: type[E], callback: Callable[[E], None], on_bound: Callable[[], None] | None = None
    ) -> None:
        """Receive each `event` while this process lives, on an exclusive queue. `on_bound` follows each (re)connect."""
        queue = f"{build_queue_name(self.name, event.name)}.{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:4]}"
        self._consume(
            queue,
            lambda message: self._receive(event, callback, queue, message),
            own_binding=event.name,
            on_bound=on_bound,
        )

    def add_background_task(
        self, name: str, run: Callable[[StopSignal], None], longest_turn_s: float = LONGEST_TURN_S
    ) -> None:
        """Run `run(stopping)` on a thread of its own; it returns soon after `stopping` is set.

        A loop that does not ask or rest there for `longest_turn_s` seconds keeps the service from being ready.
        """
        self._tasks.append((StopSignal(name, longest_turn_s), run))

    def watch(self, missing: Callable[[], list[str]], doing: Callable[[], str] | None = None) -> None:
        """Count what `missing()` names, in words, among what keeps this service from being ready.

        `doing()` says what the service is at, for /health/ready and so for `viral status`.
        """
        self._watched.append(missing)
        self._doing += [doing] if doing else []

    def emit(self, session: Session, event: Event) -> None:
        """Have an event that nothing else caused published once the caller's transaction commits."""
        outbox.add_event(session, self.name, wrap_event(event, self._source))

    def find_missing(self) -> list[str]:
        """Find what keeps this service from being ready, in words; nothing if it is."""
        missing = self.find_not_consuming() + [reason for watched in self._watched for reason in watched()]
        problem = check_database(self._engine, 2, lambda asked: outbox.find_overdue(asked, self.name))
        return missing + [reason for reason in (self._relay.problem, problem) if reason]

    def find_not_consuming(self) -> list[str]:
        """Find what keeps events from being received, in words. Asks no server: receiving needs no Postgres."""
        missing = [f"no live consumer on {c.queue}" for c in self._consumers if not c.is_consuming()]
        alive = {thread.name for thread in self._threads if thread.is_alive()}
        for loop, _ in self._tasks:
            telemetry.LOOP_AGE.labels(loop.name).set(loop.compute_age_s())
            stall = loop.find_stall() if loop.name in alive else f"the {loop.name} has stopped"
            missing += [stall] if stall else []
        return missing

    def start(self) -> None:
        """Start every thread; servers that are away are waited for there, not here."""
        for loop, task in self._tasks:
            loop.note_turn()
            thread = threading.Thread(target=task, args=(loop,), name=loop.name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the threads; an event still being handled goes back to the inbox at once."""
        self.stopping.set()
        for loop, _ in self._tasks:
            loop.set()
        self._worker.woken.set()
        self._relay.wake()
        for thread in self._threads:
            thread.join(STOP_S / max(1, len(self._threads)))
        try:
            self._worker.release()
        except Exception as error:  # noqa: BLE001  (nothing may keep a service from ending)
            log.warning("event not released; its lease will run out", reason=repr(error))

    def run(self) -> None:
        """Start, serve /health, wait for SIGTERM or SIGINT, stop, and end the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if self.settings.health_port:
            doing = self._doing
            serve_health(
                self.settings.health_host,
                self.settings.health_port,
                self.find_missing,
                lambda: [describe() for describe in doing],
            )
        self.start()
        log.info("started", instance=self.instance)
        self.stopping.wait()
        self.stop()
        log.info("stopped")
        # A handler may still be deep in native code, and torch takes many seconds to unload. Its event is back in
        # the inbox, so nothing is lost by going at once.
        logging.shutdown()
        os._exit(0)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping.set()

    def _consume(
        self,
        queue: str,
        on_delivery: Callable[[Message], None],
        *,
        own_binding: str | None = None,
        on_bound: Callable[[], None] | None = None,
    ) -> None:
        consumer = Consumer(
            self._url, self.instance, queue, on_delivery, own_binding=own_binding, on_bound=on_bound
        )
        self._consumers.append(consumer)
        self.add_background_task(f"consumer of {queue}", consumer.run)

    def _take_over(self, event: type[Event], message: Message) -> None:
        queue = build_queue_name(self.name, event.name)
        with self.sessions.begin() as session:
            try:
                cloud_event, _ = decode(message, event)
            except ValueError as error:
                self._reject(session, queue, message, str(error))
                return
            replayed = bool(message.headers.get("viral-replayed"))
            inbox.record(session, self.name, cloud_event, message.body, replayed=replayed)
        telemetry.EVENTS_RECEIVED.labels(event.name).inc()
        self._worker.woken.set()

    def _receive(self, event: type[E], callback: Callable[[E], None], queue: str, message: Message) -> None:
        try:
            _, fact = decode(message, event)
        except ValueError as error:
            with self.sessions.begin() as session:
                self._reject(session, queue, message, str(error))
            return
        telemetry.EVENTS_RECEIVED.labels(event.name).inc()
        callback(fact)

    def _reject(self, session: Session, queue: str, message: Message, reason: str) -> None:
        outbox.add_dead_letter(
            session,
            self.name,
            queue,
            reason,
            message.body if len(message.body) <= LONGEST_BODY else message.body[:KEPT_OF_LONGER],
            message_id=message.message_id or uuid4().hex,
            event_type=message.routing_key,
        )
        telemetry.EVENTS_REJECTED.inc()
        log.error("message rejected", queue=queue, reason=reason)


def decode(message: Message, expected: type[E]) -> tuple[CloudEvent, E]:
    """Read the envelope and the valid `expected` event inside. Raises ValueError with the reason in one line."""
    if (size := len(message.body)) > LONGEST_BODY:
        digest = hashlib.sha256(message.body).hexdigest()
        raise ValueError(
            f"{size:,} bytes, an event has {LONGEST_BODY:,} at most (sha256 {digest}; its beginning is kept)"
        )
    try:
        cloud_event = CloudEvent.model_validate_json(message.body)
        event = cloud_event.to_event()
    except ValidationError as error:
        problems = (
            f"{'.'.join(str(part) for part in problem['loc']) or 'body'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ValueError(f"no valid {expected.name} event: {'; '.join(problems)}") from error
    if not isinstance(event, expected):
        raise ValueError(f"a {cloud_event.type} event came to a queue that takes {expected.name}")
    return cloud_event, event
