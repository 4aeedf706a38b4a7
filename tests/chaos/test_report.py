"""The report counts what hit, what missed, and what became of the requests meanwhile."""

from __future__ import annotations

from tests.chaos.report import build_report
from tests.chaos.request_loop import Asked
from tests.chaos.rounds import Injection, Outcome
from tests.chaos.schedule import FIRST_DAY, Fault, Round

KILL, DROP = Fault("kill", "gateway-1", 1, 0), Fault("drop", "third>postgres", 2, 4)


def make_outcome(number: int, recovered_s: float | None, broken: list[str]) -> Outcome:
    return Outcome(
        Round(number, FIRST_DAY, 2, (KILL, DROP), 20),
        [Injection(KILL, 101, 101), Injection(DROP, 102, 106, missed="no connection")],
        recovered_s,
        asked=[
            Asked(50, "gateway-1", 0.1),
            Asked(101, "gateway-1", 0.9, "ConnectError"),
            Asked(103, "gateway-2", 0.1),
        ],
        broken=broken,
    )


def test_a_run_is_summed_up() -> None:
    outcomes = [make_outcome(1, 10, []), make_outcome(2, 30, []), make_outcome(3, None, ["not at rest"])]

    report = build_report(7, outcomes, seconds=120, restarts={"trainer": 2})

    assert (report["seed"], report["rounds"], report["faults"], report["batches"]) == (7, 3, 3, 6)
    assert report["recovered_s"] == {"median": 20, "most": 30}
    assert report["kinds"]["kill"] == {"times": 3, "missed": 0, "requests": 3, "failed": 3, "p99_s": 0.9}
    assert report["kinds"]["drop"] == {"times": 0, "missed": 3, "requests": 0, "failed": 0, "p99_s": 0}
    assert (report["requests"]["asked"], report["requests"]["failed"]) == (9, 3)
    assert report["broken"] == ["not at rest"]


def test_a_run_that_broke_off_at_once_has_a_report_too() -> None:
    report = build_report(7, [], seconds=1, restarts={})

    assert (report["faults"], report["recovered_s"]["most"]) == (0, None)
