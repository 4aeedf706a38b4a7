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
    world = FakeGateway()

    async def story() -> list[list[ServerSentEvent]]:
        world.announcements.attach(asyncio.get_running_loop())
        listeners = [
            asyncio.create_task(first(_stream(world.gateway(), None, anyio.Event()), 2)) for _ in range(3)
        ]
        await asyncio.sleep(0.05)
        world.serve(version=4)
        threading.Thread(target=world.announcements.publish).start()
        return await asyncio.wait_for(asyncio.gather(*listeners), 5)

    for _, event in asyncio.run(story()):
        assert event.event == "model.promoted"
        assert event.id == "4"
        assert json.loads(str(event.data))["version"] == 4


def test_one_who_missed_a_promotion_hears_of_it_at_once() -> None:
    world = FakeGateway()
    world.serve(version=4)

    async def story() -> list[ServerSentEvent]:
        return await asyncio.wait_for(first(_stream(world.gateway(), 3, anyio.Event()), 2), 5)

    assert asyncio.run(story())[1].id == "4"


def test_one_who_is_up_to_date_hears_nothing() -> None:
    world = FakeGateway()
    world.serve(version=4)

    async def story() -> bool:
        waiting = asyncio.create_task(first(_stream(world.gateway(), 4, anyio.Event()), 2))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        waiting.cancel()
        return bool(done)

    assert not asyncio.run(story())


def test_a_stream_ends_when_the_server_stops() -> None:
    world = FakeGateway()

    async def story() -> list[ServerSentEvent]:
        closing = anyio.Event()
        asyncio.get_running_loop().call_later(0.05, closing.set)
        return [event async for event in _stream(world.gateway(), None, closing)]

    assert len(asyncio.run(asyncio.wait_for(story(), 5))) == 1


def test_publishing_without_listeners_or_loop_is_fine() -> None:
    FakeGateway().announcements.publish()
