"""Tell what a run came to: lines while it runs, a table and a file at its end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.request_loop import SLOW_S, Asked, compute_percentile
from tests.chaos.rounds import Injection, Outcome
from tests.chaos.schedule import KINDS

console = Console(highlight=False, soft_wrap=True)


def show_round(outcome: Outcome) -> None:
    """Print one line on a round."""
    rest = "NOT AT REST" if outcome.recovered_s is None else f"at rest after {outcome.recovered_s:.1f} s"
    failed = sum(one.failure is not None for one in outcome.asked)
    console.print(
        f"round {outcome.drawn.number:3}: {len(outcome.hit):2} faults, {outcome.drawn.batches} batches, {rest}, "
        f"{failed} of {len(outcome.asked):,} requests failed ({outcome.unexplained} unexplained)"
    )


def show_failure(outcome: Outcome, seed: int) -> None:
    """Print what broke, the faults that led there, and how to repeat them."""
    console.print(f"\nround {outcome.drawn.number} broke:")
    for line in outcome.broken:
        console.print(f"  - {line}")
    console.print("its faults:")
    for one in outcome.injections:
        console.print(f"  {one.fault}{f'  (missed: {one.missed})' if one.missed else ''}")
    console.print(f"again: SEED={seed} ROUND={outcome.drawn.number} make chaos")


def show_report(report: dict[str, Any]) -> None:
    """Print the table."""
    table = Table("fault", "times", "missed", "requests meanwhile", "failed", "p99", title="Faults by kind")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in report["kinds"].items():
        table.add_row(
            name,
            str(row["times"]),
            str(row["missed"]),
            f"{row['requests']:,}",
            str(row["failed"]),
            f"{row['p99_s'] * 1000:.0f} ms",
        )
    console.print(table)
    rest, asked = report["recovered_s"], report["requests"]
    console.print(
        f"seed {report['seed']}: {report['faults']} faults in {report['rounds']} rounds, {report['batches']} batches, "
        f"{report['seconds'] / 60:.1f} minutes\n"
        f"at rest after {rest['median']} s (median), {rest['most']} s at most\n"
        f"{asked['asked']:,} requests: {asked['failed']} failed, {asked['unexplained']} of them at a gateway that "
        f"nothing had hit; {asked['slow']} took over {SLOW_S:g} s; p50 {asked['p50_s'] * 1000:.0f} ms, "
        f"p99 {asked['p99_s'] * 1000:.0f} ms\n"
        f"events published again under the same id: {report['published_again']}; "
        f"services started again: {sum(report['restarts'].values())}\n"
        + ("every invariant held" if not report["broken"] else f"BROKEN: {len(report['broken'])} invariants")
    )


def build_report(
    seed: int, outcomes: Sequence[Outcome], seconds: float, restarts: dict[str, int]
) -> dict[str, Any]:
    """Sum up a run."""
    asked = [one for outcome in outcomes for one in outcome.asked]
    rests = [outcome.recovered_s for outcome in outcomes if outcome.recovered_s is not None]
    return {
        "seed": seed,
        "rounds": len(outcomes),
        "faults": sum(len(outcome.hit) for outcome in outcomes),
        "batches": sum(outcome.drawn.batches for outcome in outcomes),
        "seconds": round(seconds, 1),
        "kinds": _sum_up_kinds(outcomes, asked),
        "recovered_s": {"median": median(rests), "most": max(rests)}
        if rests
        else {"median": None, "most": None},
        "requests": {
            "asked": len(asked),
            "failed": sum(one.failure is not None for one in asked),
            "unexplained": sum(outcome.unexplained for outcome in outcomes),
            "slow": sum(one.took_s > SLOW_S for one in asked if not one.failure),
            "p50_s": round(compute_percentile(asked, 0.5), 4),
            "p99_s": round(compute_percentile(asked, 0.99), 4),
        },
        "published_again": outcomes[-1].published_again if outcomes else 0,
        "restarts": restarts,
        "broken": [line for outcome in outcomes for line in outcome.broken],
        "schedule": [_list_round(outcome) for outcome in outcomes],
    }


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


def _sum_up_kinds(outcomes: Sequence[Outcome], asked: Sequence[Asked]) -> dict[str, dict[str, Any]]:
    injections = [one for outcome in outcomes for one in outcome.injections]
    times = Counter(one.fault.kind for one in injections if one.missed is None)
    missed = Counter(one.fault.kind for one in injections if one.missed is not None)
    rows = {}
    for kind in KINDS:
        meanwhile = _select_meanwhile(asked, [one for one in injections if one.fault.kind == kind])
        rows[kind] = {
            "times": times[kind],
            "missed": missed[kind],
            "requests": len(meanwhile),
            "failed": sum(one.failure is not None for one in meanwhile),
            "p99_s": round(compute_percentile(meanwhile, 0.99), 4),
        }
    return rows


def _select_meanwhile(asked: Sequence[Asked], injections: Sequence[Injection]) -> list[Asked]:
    """Select the requests that were under way while such a fault lasted, or began within a second after it."""
    spans = [(one.from_s, one.until_s + 1) for one in injections if one.missed is None]
    return [
        one
        for one in asked
        if any(one.at_s <= end and one.at_s + one.took_s >= start for start, end in spans)
    ]


def _list_round(outcome: Outcome) -> dict[str, Any]:
    return {
        "round": outcome.drawn.number,
        "recovered_s": outcome.recovered_s,
        "broken": outcome.broken,
        "faults": [
            f"{one.fault}{f' (missed: {one.missed})' if one.missed else ''}" for one in outcome.injections
        ],
    }
