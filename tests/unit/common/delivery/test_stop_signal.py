"""A loop that asks whether to stop, or rests, has moved; one that does neither is named."""

from __future__ import annotations

import threading
import time

import pytest
from viral_common.delivery.stop_signal import StopSignal

from tests.eventually import eventually


class Clock:
    """Time that passes when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_a_loop_that_asks_has_moved(clock: Clock) -> None:
    stopping = StopSignal("relay")
    clock.now += 34
    assert stopping.find_stall() == "the relay has not moved for 34 s"

    assert not stopping.is_set()

    assert (stopping.compute_age_s(), stopping.find_stall()) == (0, None)


def test_only_a_turn_longer_than_usual_is_named(clock: Clock) -> None:
    relay, swap = StopSignal("relay"), StopSignal("reconciler", longest_turn_s=60)
    clock.now += 30

    assert relay.find_stall() == "the relay has not moved for 30 s"
    assert (swap.compute_age_s(), swap.find_stall()) == (30, None)


def test_rest_that_is_told_counts_as_moving(clock: Clock) -> None:
    stopping = StopSignal("partition keeper")
    stopping.note_turn(rest_s=3600)

    clock.now += 3610
    assert (stopping.compute_age_s(), stopping.find_stall()) == (10, None)

    clock.now += 20
    assert stopping.find_stall() == "the partition keeper has not moved for 30 s"


def test_who_rests_moves_and_is_told_to_stop_at_once() -> None:
    stopping = StopSignal("keeper", longest_turn_s=0.1)
    stopped: list[bool] = []
    thread = threading.Thread(target=lambda: stopped.append(stopping.wait(60)))
    thread.start()

    time.sleep(0.3)
    assert stopping.find_stall() is None

    stopping.set()
    thread.join(5)
    assert stopped == [True]
    eventually(lambda: stopping.find_stall() is not None)
