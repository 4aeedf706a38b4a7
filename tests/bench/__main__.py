"""`make bench`: every figure beside its rival, on the screen and in .viral/bench.json."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.bench import (
    archive_memory,
    backfill,
    backup,
    gateway,
    gateway_swaps,
    growth,
    idle,
    jetstream,
    memory,
    quality,
    scoring,
    storing,
    training,
)
from tests.bench.figures import Figure
from tests.servers import started_servers

REPORT = Path(os.environ.get("VIRAL_DATA_DIR", ".viral")) / "bench.json"


def main() -> None:
    """Measure one after the other; nothing else should run meanwhile. What is measured is written down at once."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    with TemporaryDirectory() as folder:
        for found in _measured(Path(folder)):
            figures += found
            rows = [figure.row() for figure in figures]
            REPORT.write_text(json.dumps(rows, indent=2, ensure_ascii=False))
            Console().print(*(" | ".join(figure.cells()) for figure in found), sep="\n", soft_wrap=True)
    Console().print(_table(figures), f"written to {REPORT}")


def _measured(scratch: Path) -> Iterator[list[Figure]]:
    yield scoring.measure(scratch)
    yield training.measure(scratch)
    yield quality.measure(scratch)
    yield archive_memory.measure(scratch)
    yield backfill.measure(scratch)
    with started_servers(scratch / "servers") as servers:
        yield storing.measure(scratch, servers)
        yield jetstream.measure(servers)
        yield gateway.measure(scratch, servers)
        yield gateway_swaps.measure(scratch, servers)
        yield memory.measure(scratch, servers)
        yield growth.measure(servers)
    yield backup.measure(scratch)
    yield idle.measure(scratch)


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "rival", "rival's value", "ratio", "target", "met")
    for one in figures:
        table.add_row(*one.cells())
    return table


if __name__ == "__main__":
    main()
