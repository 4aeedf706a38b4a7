"""Run cases: `python -m tests.fuzz --kind archive --cases 1000`; one again: `--kind archive --seed 7`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from tests.fuzz.watching import run_cases

KINDS = {"artefact": "artefacts", "archive": "archives", "message": "messages"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--seed", type=int, default=0, help="the first case's")
    parser.add_argument("--cases", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    seeds = range(options.seed, options.seed + options.cases)
    report = run_cases(importlib.import_module(f"tests.fuzz.{KINDS[options.kind]}"), seeds, options.processes)
    took_s = time.monotonic() - started
    head = f"{options.kind}, seeds {seeds.start} to {seeds.stop - 1}, {took_s:.0f} s"
    sys.stdout.write("\n".join([head, *report.describe()]) + "\n")
    sys.exit(bool(report.findings))


if __name__ == "__main__":
    main()
