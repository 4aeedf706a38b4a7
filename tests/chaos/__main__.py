"""Run the fault suite: `SEED=7 FAULTS=500 python -m tests.chaos`, or one round of it with `ROUND=3`."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
from viral_common.database.engine import connect_to

from tests.chaos import report, setting_up
from tests.chaos.faults.disks import FOLDER
from tests.chaos.pipeline import Pipeline
from tests.chaos.request_loop import RequestLoop
from tests.chaos.rounds import REST_S, Outcome, Rounds
from tests.chaos.schedule import KINDS, Round, draw_round
from tests.chaos.undisturbed import Reference
from tests.chaos.watcher import Watcher
from tests.hosts import find_obstacle

KEPT = Path(".viral")


@dataclass(frozen=True)
class Wanted:
    """What a person asked for in the environment."""

    seed: int
    faults: int
    minutes: float
    kinds: tuple[str, ...]
    only: int | None
    rest_s: float

    @classmethod
    def from_environment(cls) -> Wanted:
        """Read it; without a seed, one is drawn."""
        kinds = tuple(filter(None, os.environ.get("KINDS", "").split(","))) or tuple(KINDS)
        if unknown := set(kinds) - set(KINDS):
            raise SystemExit(f"KINDS: {', '.join(sorted(unknown))} is none of {', '.join(KINDS)}")
        return cls(
            seed=int(os.environ.get("SEED") or secrets.randbelow(100_000)),
            faults=int(os.environ.get("FAULTS") or 500),
            minutes=float(os.environ.get("MINUTES") or 60),
            kinds=kinds,
            only=int(os.environ["ROUND"]) if os.environ.get("ROUND") else None,
            rest_s=float(os.environ.get("REST") or REST_S),
        )

    def draw_rounds(self, count_hit: list[Outcome]) -> Iterator[Round]:
        """Draw rounds until there were faults enough, or the time is over."""
        deadline = time.monotonic() + 60 * self.minutes
        number = self.only or 1
        while sum(len(one.hit) for one in count_hit) < self.faults and time.monotonic() < deadline:
            yield draw_round(self.seed, number, self.kinds)
            if self.only:
                return
            number += 1


def main() -> int:
    """Run rounds until there were faults enough, or one breaks something; write the report."""
    wanted = Wanted.from_environment()
    if reason := find_obstacle():
        raise SystemExit(f"error: {reason}")
    # What was begun is ended also when somebody else ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    report.console.print(f"seed {wanted.seed}")
    outcomes: list[Outcome] = []
    restarts: dict[str, int] = {}
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
    try:
        with setting_up.make_three_hosts(folder) as pipeline:
            try:
                _run_rounds(pipeline, wanted, outcomes)
            finally:
                restarts = pipeline.count_restarts()
    finally:
        _keep_logs(folder)
        done = report.build_report(wanted.seed, outcomes, time.monotonic() - started, restarts)
        report.write_report(done, KEPT / "chaos.json")
        report.show_report(done)
    return 1 if done["broken"] else 0


def _run_rounds(pipeline: Pipeline, wanted: Wanted, outcomes: list[Outcome]) -> None:
    engine = connect_to(pipeline.servers.database_url, "chaos")
    watcher, requests = Watcher(pipeline, engine), RequestLoop(pipeline, wanted.seed)
    reference = Reference(setting_up.make_reference_database(pipeline))
    with ExitStack() as stack:
        stack.enter_context(pipeline.run())
        stack.enter_context(watcher.run())
        rounds = Rounds(pipeline, engine, reference, watcher, requests, wanted.rest_s)
        rounds.warm_up()
        report.console.print(f"a batch takes {rounds.batch_s:.1f} s undisturbed")
        stack.enter_context(requests.run())
        for drawn in wanted.draw_rounds(outcomes):
            outcomes.append(rounds.run(drawn))
            report.show_round(outcomes[-1])
            if outcomes[-1].broken:
                report.show_failure(outcomes[-1], wanted.seed)
                return


def _keep_logs(folder: Path) -> None:
    """Move the logs of services and servers to where a person finds them; of an earlier run none are kept."""
    kept = KEPT / "chaos-logs"
    shutil.rmtree(kept, ignore_errors=True)
    for name, logs in (("services", folder / "logs"), ("servers", folder / "servers" / "logs")):
        if logs.is_dir():
            shutil.copytree(logs, kept / name, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
