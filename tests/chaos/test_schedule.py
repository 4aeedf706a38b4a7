"""A seed gives one schedule, and the schedule reaches everything."""

from __future__ import annotations

from datetime import timedelta

from tests.chaos.schedule import FIRST_DAY, KINDS, PROCESSES, Fault, draw_round

MANY = range(1, 61)


def test_a_round_is_repeated_by_its_seed_and_number() -> None:
    assert draw_round(7, 3) == draw_round(7, 3)


def test_other_seeds_and_numbers_are_other_rounds() -> None:
    drawn = [draw_round(seed, number).faults for seed in (1, 2) for number in (1, 2)]

    assert len(set(drawn)) == 4


def test_days_follow_one_another_without_gaps() -> None:
    rounds = [draw_round(7, number) for number in MANY]

    day = FIRST_DAY
    for one in rounds:
        assert one.first_day == day
        day += timedelta(days=one.batches)


def test_every_kind_and_every_process_is_hit_before_long() -> None:
    faults = [fault for number in MANY for fault in draw_round(7, number).faults]

    assert {fault.kind for fault in faults} == set(KINDS)
    assert {fault.target for fault in faults if fault.kind in ("kill", "stop")} == set(PROCESSES)


def test_faults_keep_to_their_kind_and_round() -> None:
    for number in MANY:
        drawn = draw_round(7, number)
        assert list(drawn.faults) == sorted(drawn.faults, key=lambda fault: fault.at_s)
        for fault in drawn.faults:
            kind = KINDS[fault.kind]
            assert fault.target in kind.targets
            assert 0 <= fault.at_s <= drawn.length_s
            assert kind.seconds[0] <= fault.for_s <= kind.seconds[1]


def test_only_the_kinds_asked_for_are_drawn() -> None:
    faults = [fault for number in MANY for fault in draw_round(7, number, ("kill", "drop")).faults]

    assert {fault.kind for fault in faults} == {"kill", "drop"}


def test_a_fault_explains_failures_of_what_it_hits_alone() -> None:
    assert Fault("kill", "gateway-1/child", 1, 0).hits == {"gateway-1"}
    assert Fault("kill two", "trainer+gateway-2", 1, 0).hits == {"trainer", "gateway-2"}
    assert Fault("drop", "third>postgres", 1, 4).hits == frozenset()
    assert Fault("partition", "servers|third", 1, 4).hits == frozenset()
    assert "gateway-1" in Fault("loss", "third", 1, 4).hits
