"""GET /v1/events: the stream behind it, without the endless reply."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import anyio
from sse_starlette import ServerSentEvent
from viral_gateway.api.routes.events import _stream
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway

KEYS = ("one-key-of-twenty-letters", "two-keys-of-twenty-letters")


async def first(stream: object, count: int) -> list[ServerSentEvent]:
    found = []
    async for event in stream:  # type: ignore[attr-defined]
        found.append(event)
        if len(found) == count:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    return found


def test_a_swap_on_another_thread_reaches_every_listener() -> None:
    fake_gateway = FakeGateway()

    async def run_calls() -> list[list[ServerSentEvent]]:
        fake_gateway.announcements.attach(asyncio.get_running_loop())
        listeners = [
            asyncio.create_task(first(_stream(fake_gateway.build(), None, anyio.Event()), 2))
            for _ in range(3)
        ]
        await asyncio.sleep(0.05)
        fake_gateway.serve(version=4)
        threading.Thread(target=fake_gateway.announcements.publish).start()
        return await asyncio.wait_for(asyncio.gather(*listeners), 5)

    for _, event in asyncio.run(run_calls()):
        assert event.event == "model.promoted"
        assert event.id == "4"
        assert json.loads(str(event.data))["version"] == 4


def test_a_listener_that_missed_a_promotion_receives_it_at_once() -> None:
    fake_gateway = FakeGateway()
    fake_gateway.serve(version=4)

    async def run_calls() -> list[ServerSentEvent]:
        return await asyncio.wait_for(first(_stream(fake_gateway.build(), 3, anyio.Event()), 2), 5)

    assert asyncio.run(run_calls())[1].id == "4"


def test_a_listener_that_is_up_to_date_receives_nothing() -> None:
    fake_gateway = FakeGateway()
    fake_gateway.serve(version=4)

    async def run_calls() -> bool:
        waiting = asyncio.create_task(first(_stream(fake_gateway.build(), 4, anyio.Event()), 2))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        waiting.cancel()
        return bool(done)

    assert not asyncio.run(run_calls())


def test_a_stream_ends_when_the_server_stops() -> None:
    fake_gateway = FakeGateway()

    async def run_calls() -> list[ServerSentEvent]:
        closing = anyio.Event()
        asyncio.get_running_loop().call_later(0.05, closing.set)
        return [event async for event in _stream(fake_gateway.build(), None, closing)]

    assert len(asyncio.run(asyncio.wait_for(run_calls(), 5))) == 1


def test_publishing_without_listeners_or_loop_is_fine() -> None:
    FakeGateway().announcements.publish()


class Caller:
    """Open streams of an application, and hold them open."""

    def __init__(self, **settings: Any) -> None:
        self.app = create_app(FakeGateway(settings=settings).build())
        self.open: list[asyncio.Task[None]] = []

    async def ask(self, key: str = "", address: str = "10.0.0.1") -> tuple[int, dict[str, str]]:
        """Ask for a stream; its status and headers."""
        begun: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        headers = [(b"host", b"gateway"), *([(b"x-api-key", key.encode())] if key else [])]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/events",
            "raw_path": b"/v1/events",
            "query_string": b"",
            "headers": headers,
            "client": (address, 5),
            "server": ("gateway", 80),
            "root_path": "",
        }
        sent = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in sent:
                return message
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            if not begun.done():
                begun.set_result(message)

        self.open.append(asyncio.create_task(self.app(scope, receive, send)))
        start = await asyncio.wait_for(begun, 5)
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}

    async def close(self) -> None:
        for task in self.open:
            task.cancel()
        await asyncio.gather(*self.open, return_exceptions=True)
        self.open.clear()


def test_a_caller_holds_no_more_streams_than_one_may() -> None:
    async def attack() -> None:
        caller = Caller(event_streams_per_caller=3)

        replies = await asyncio.gather(*(caller.ask() for _ in range(10)))

        assert sorted(status for status, _ in replies) == [200] * 3 + [429] * 7
        refused = next(headers for status, headers in replies if status == 429)
        assert refused["content-type"] == "application/problem+json"
        assert int(refused["retry-after"]) > 0
        assert (await caller.ask(address="10.0.0.2"))[0] == 200
        await caller.close()
        assert (await caller.ask())[0] == 200
        await caller.close()
        assert not caller.app.state.gateway.announcements.streams

    asyncio.run(attack())


def test_a_key_counts_wherever_it_is_used_from() -> None:
    async def attack() -> None:
        caller = Caller(event_streams_per_caller=2, api_keys=",".join(KEYS))

        replies = [await caller.ask(KEYS[0], f"10.0.0.{number}") for number in range(4)]

        assert [status for status, _ in replies] == [200, 200, 429, 429]
        assert (await caller.ask(KEYS[1]))[0] == 200
        await caller.close()

    asyncio.run(attack())


def test_all_callers_together_hold_no_more_streams_than_may_be_open() -> None:
    async def attack() -> None:
        caller = Caller(event_streams=4)

        replies = [await caller.ask(address=f"10.0.0.{number}") for number in range(6)]

        assert [status for status, _ in replies] == [200] * 4 + [503] * 2
        assert int(replies[-1][1]["retry-after"]) > 0
        await caller.close()

    asyncio.run(attack())
