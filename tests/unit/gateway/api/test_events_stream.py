"""GET /v1/events: the stream behind it, without the endless reply."""

from __future__ import annotations

import asyncio
import json
import threading

import anyio
from sse_starlette import ServerSentEvent
from viral_gateway.api.routes.events import _stream

from tests.unit.gateway.fakes import FakeGateway


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
