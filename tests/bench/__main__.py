"""`make bench`: every figure beside its rival, on the screen and in .viral/bench.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.bench import (
    archive_memory,
    gateway,
    gateway_swaps,
    growth,
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
    """Measure one after the other; nothing else should run meanwhile."""
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        figures = [*scoring.measure(scratch), *training.measure(scratch), *quality.measure(scratch)]
        figures += archive_memory.measure(scratch)
        with started_servers(scratch / "servers") as servers:
            figures += [*storing.measure(scratch, servers), *jetstream.measure(servers)]
            figures += growth.measure(servers)
            figures += [*gateway.measure(scratch, servers), *gateway_swaps.measure(scratch, servers)]
            figures += memory.measure(scratch, servers)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    rows = [figure.row() for figure in figures]
    REPORT.write_text(json.dumps(rows, indent=2, ensure_ascii=False))
    Console().print(_table(figures), f"written to {REPORT}")


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "rival", "rival's value", "ratio", "target", "met")
    for one in figures:
        table.add_row(*one.cells())
    return table


if __name__ == "__main__":
    main()
