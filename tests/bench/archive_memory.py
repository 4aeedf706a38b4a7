"""What reading an archive needs of memory: `python -m tests.bench.archive_memory FILE FOLDER` in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from viral_scraper.sources.archive.source import ArchiveSource

from tests.bench.figures import Figure
from tests.factories import FIRST_DAY, make_snowflake, make_twint_row

MOST_MB = 300
# `make bench` reads a tenth; VIRAL_BENCH_ARCHIVE_GB=5 reads it all, and takes ten times as long.
GIGABYTES = float(os.environ.get("VIRAL_BENCH_ARCHIVE_GB", "0.5"))
LINE_BYTES = 1_070  # of a real archive of 62,495 tweets, on average 1,119
DAYS = 200


def measure(scratch: Path) -> list[Figure]:
    """The peak for a generated archive and for a quarter of it: flat means that they differ little."""
    peaks = [_peak(scratch, gigabytes) for gigabytes in (GIGABYTES / 4, GIGABYTES)]
    return [
        Figure(
            f"memory while reading an archive of {GIGABYTES:g} GB",
            peaks[1],
            "MB",
            f"for {GIGABYTES / 4:g} GB",
            peaks[0],
            f"≤ {MOST_MB} MB",
            peaks[1] <= MOST_MB,
            less_is_better=True,
        )
    ]


def _peak(scratch: Path, gigabytes: float) -> float:
    folder = scratch / "archive_memory"
    folder.mkdir(exist_ok=True)
    file = folder / "tweets.jsonl"
    _generate(file, round(gigabytes * 1e9 / LINE_BYTES))
    command = [sys.executable, "-m", "tests.bench.archive_memory", str(file), str(folder / f"of{gigabytes}")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    file.unlink()
    return float(done.stdout.splitlines()[-1])


def _generate(file: Path, rows: int) -> None:
    """Different tweets in no order of time, padded with fields that nobody reads."""
    row = make_twint_row(
        id="<id>", user_id="<user>", tweet="Something new " * 12 + "<number>", place="x" * 330
    )
    template = json.dumps(row).encode()
    step = timedelta(days=DAYS) / rows
    with file.open("wb") as out:
        for number in range(rows):
            shuffled = number * 7_919 % rows
            external_id = b"%d" % make_snowflake(FIRST_DAY + shuffled * step, number % 4_000_000)
            line = template.replace(b"<id>", external_id).replace(b"<user>", b"%d" % (number % 50_000 + 1))
            out.write(line.replace(b"<number>", b"%d" % number).ljust(LINE_BYTES - 1) + b"\n")


def _read(file: Path, folder: Path) -> None:
    source = ArchiveSource(str(file), "", folder, lambda *_: None)
    window = source.find_next_window(None, 50_000)
    assert window is not None
    assert source.read_prepared(*window, 50_000).count >= 50_000 or window.until - window.since > timedelta(
        DAYS - 2
    )
    assert not source.bad_rows


if __name__ == "__main__":
    _read(Path(sys.argv[1]), Path(sys.argv[2]))
    # Not `ru_maxrss`, which a process inherits of whoever started it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1_000)  # noqa: T201
