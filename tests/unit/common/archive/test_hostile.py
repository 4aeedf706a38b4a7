"""Test that no archive fills the memory, however small it is packed."""

from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from viral_common.archive import bad_rows, parquet_files
from viral_common.archive.bad_rows import BadRows
from viral_common.archive.decompress import UNPACKED_AT_ONCE, read_blocks
from viral_common.archive.reader import read_tweets

from tests.factories import make_twint_days
from tests.fuzz.mutators import find_thrift_numbers, pack_varint

MIB = 1 << 20
MEASURE = """
import pathlib, resource, sys
import pyarrow.compute, pyarrow.parquet
from viral_common.archive.reader import BadRows, read_tweets

measure = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before, bad = measure(), BadRows()
assert not list(read_tweets(pathlib.Path(sys.argv[1]), bad))
print(bad.by_reason.total(), measure() - before)
"""
ROWS = make_twint_days(1, 30)


def pack_zstd(data: bytes, **options: Any) -> bytes:
    """Pack as a stream, whose size its head does not tell."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, **options)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(data) + packer.flush()


def read(path: Path, data: bytes) -> tuple[int, dict[str, int]]:
    path.write_bytes(data)
    bad = BadRows()
    return len(list(read_tweets(path, bad))), dict(bad.by_reason)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, pack_zstd])
def test_a_file_that_unpacks_a_thousand_times_as_large_comes_in_small_blocks(
    tmp_path: Path, pack: Any
) -> None:
    (tmp_path / "bomb").write_bytes(pack(bytes(100 * MIB)))

    sizes = [len(block) for block in read_blocks(tmp_path / "bomb")]

    assert sum(sizes) == 100 * MIB
    assert max(sizes) <= UNPACKED_AT_ONCE


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, pack_zstd])
def test_what_is_packed_comes_out_as_it_went_in(tmp_path: Path, pack: Any, seed: int) -> None:
    chance = random.Random(seed)
    parts = [
        chance.choice((bytes, chance.randbytes))(
            chance.choice((1, 1000, 70_000, UNPACKED_AT_ONCE, 3_000_000))
        )
        for _ in range(chance.randint(1, 4))
    ]
    data = b"".join(parts)
    (tmp_path / "packed").write_bytes(b"".join(map(pack, [data, *parts])))

    assert b"".join(read_blocks(tmp_path / "packed")) == data + data


def test_checksums_and_frames_to_skip_are_passed_over(tmp_path: Path) -> None:
    skipped = b"\x5e\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    frame = pack_zstd(b"text" * 90_000, write_checksum=True)
    (tmp_path / "packed").write_bytes(frame + skipped + frame + bytes(10))

    assert b"".join(read_blocks(tmp_path / "packed")) == b"text" * 180_000


def test_a_window_that_would_fill_the_memory_is_refused_in_one_line(tmp_path: Path) -> None:
    packed = pack_zstd(b"text" * 90_000, window_log=28)

    found = read(tmp_path / "packed", packed)

    reason = "Zstandard window of 256 MiB, more than 128; pack it again with --long=27 at most"
    assert found == (0, {reason: 1})


def make_parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, compression="zstd", **options)
    return out.getvalue()


def test_a_row_group_that_is_a_bomb_is_refused_in_one_line(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "reply_to": None, "tweet": " " * MIB} for _ in range(80)]
    packed = make_parquet(rows, use_dictionary=False, write_statistics=False, data_page_size=1 << 30)
    assert len(packed) < 80 * MIB // 100

    count, bad = read(tmp_path / "bomb.parquet", packed)

    (reason,) = bad
    assert count == 0
    assert reason.endswith("to more than 64 MiB; write it again with smaller row groups")


def test_equal_rows_are_no_bomb(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "reply_to": None} for _ in range(20_000)]

    assert read(tmp_path / "equal.parquet", make_parquet(rows)) == (20_000, {})


@pytest.mark.long
def test_a_long_text_that_many_rows_share_is_in_memory_once(tmp_path: Path) -> None:
    count = 500
    rows = pa.Table.from_pylist([{**ROWS[0], "reply_to": None}] * count)
    text = random.Random(1).randbytes(MIB).hex()
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))
    rows = rows.set_column(rows.schema.get_field_index("tweet"), "tweet", shared)
    pq.write_table(rows, tmp_path / "shared.parquet", store_schema=False, write_statistics=False)

    child = [sys.executable, "-c", MEASURE, str(tmp_path / "shared.parquet")]
    measured = subprocess.run(child, capture_output=True, text=True, check=True)

    bad_rows, grown_mib = measured.stdout.split()[-2:]
    assert int(bad_rows) == count
    assert int(grown_mib) < 400


@pytest.mark.parametrize("row", [b'"\n', b"{}\n", b"\0\n"])
def test_a_file_of_rubbish_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: bytes) -> None:
    monkeypatch.setattr(bad_rows, "MOST_RUNNING", 1_000)
    count, reasons = read(tmp_path / "rubbish", zstandard.compress(b'{"likes_count":1}\n' + row * 100_000))

    assert count == 0
    assert sum(reasons.values()) == 1_000 + 1
    assert "1,000 bad rows and no tweet among them; the rest is not read" in reasons


def test_bad_rows_between_tweets_end_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_rows, "MOST_RUNNING", 10)
    lines = [b"rubbish\n" * 9 + json.dumps(row).encode() + b"\n" for row in ROWS]

    assert read(tmp_path / "some", b"".join(lines)) == (len(ROWS), {"broken JSON": 9 * len(ROWS)})


def test_a_list_as_text_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    row = {**ROWS[0], "urls": "[" + "1," * 1_000_000 + "]"}
    tracemalloc.start()

    found = read(tmp_path / "list", json.dumps(row).encode())

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == (0, {"urls is no list": 1})
    assert peak < 50 * MIB


def find_reasons(tmp_path: Path, data: bytes) -> dict[str, int]:
    count, reasons = read(tmp_path / "tweets.parquet", data)
    assert count == 0
    return reasons


def test_a_page_that_says_it_unpacks_to_two_gigabytes_is_refused_in_one_line(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "reply_to": None}] * 9
    data = make_parquet(rows, use_dictionary=False, write_statistics=False, write_page_checksum=True)
    spans: list[tuple[int, int]] = []
    find_thrift_numbers(data, len(parquet_files.MAGIC), spans)
    _, size, _, checksum, *_ = (
        spans  # of the first page: its kind, sizes unpacked and packed, a checksum nobody checks
    )
    grown = pack_varint(2 * (2**31 - 1))
    shrunk = pack_varint(1 << 7 * (checksum[1] - checksum[0] - len(grown) + size[1] - size[0] - 1))
    lying = data[: size[0]] + grown + data[size[1] : checksum[0]] + shrunk + data[checksum[1] :]
    assert len(lying) == len(data)

    reasons = find_reasons(tmp_path, lying)

    assert reasons == {parquet_files.TOO_LARGE: 1}


@pytest.mark.long
def test_a_list_longer_than_memory_is_refused_in_one_line(tmp_path: Path) -> None:
    count = 110_000_000
    table = pa.Table.from_pylist([{**ROWS[0], "reply_to": None}])
    long = pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), pa.array(np.zeros(count, np.bool_)))
    pq.write_table(
        table.append_column("long", long), tmp_path / "bomb", compression="zstd", store_schema=False
    )
    data = (tmp_path / "bomb").read_bytes()
    assert len(data) < 100_000

    assert find_reasons(tmp_path, data) == {parquet_files.TOO_LARGE: 1}


@pytest.mark.parametrize("signal", ["SEGV", "ABRT", "PROF"])
def test_a_file_that_kills_its_reader_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nkill -{signal} $$\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))

    ((reason, count),) = find_reasons(tmp_path, make_parquet(ROWS[:1])).items()

    assert reason.startswith("Parquet file breaks its reader from here on (status -")
    assert count == 1


def test_the_process_that_reads_parquet_sees_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://viral:secret@db/viral")
    (tmp_path / "sitecustomize.py").write_text(
        f"import json, os; open({str(tmp_path / 'seen.json')!r}, 'w').write(json.dumps(dict(os.environ)))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    read(tmp_path / "tweets.parquet", make_parquet([{**ROWS[0], "reply_to": None}]))

    seen = json.loads((tmp_path / "seen.json").read_text())
    assert set(seen) <= {"PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "LC_CTYPE", "ARROW_DEFAULT_MEMORY_POOL"}
