"""Who says it is ready and does not move is found; who moves, or says why not, is not."""

from __future__ import annotations

from tests.chaos.watcher import LONGEST_S, LONGEST_WORK_S, StandstillTracker, Work

EVENT = Work("publish 17")


def observe(tracker: StandstillTracker, seconds: range, waiting: set[Work], ready: bool = True) -> None:
    for second in seconds:
        tracker.observe(second, "relay", ready, waiting)


def test_a_service_that_is_ready_and_stands_still_is_found() -> None:
    tracker = StandstillTracker()

    observe(tracker, range(int(LONGEST_S) + 2), {EVENT})

    assert list(tracker.found) == ["the relay says it is ready, and does not publish 17"]


def test_a_service_that_says_it_is_not_ready_is_believed() -> None:
    tracker = StandstillTracker()

    observe(tracker, range(30), {EVENT})
    observe(tracker, range(30, 90), {EVENT}, ready=False)
    observe(tracker, range(90, 110), {EVENT})

    assert tracker.found == {}


def test_a_service_that_goes_from_one_work_to_the_next_moves() -> None:
    tracker = StandstillTracker()

    for second in range(200):
        tracker.observe(second, "relay", True, {Work(f"publish {second // 20}")})

    assert tracker.found == {}


def test_work_that_somebody_is_at_may_take_longer() -> None:
    tracker, training = StandstillTracker(), Work("finish c1", taken=True)

    observe(tracker, range(int(LONGEST_S) + 2), {training})
    found_early = dict(tracker.found)
    observe(tracker, range(int(LONGEST_S) + 2, int(LONGEST_WORK_S) + 2), {training})

    assert found_early == {}
    assert list(tracker.found) == ["the relay says it is ready, and does not finish c1"]
