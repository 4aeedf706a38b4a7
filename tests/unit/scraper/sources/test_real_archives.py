"""Test that everything in real files is understood, where this machine has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from viral_scraper.progress import log_progress
from viral_scraper.sources.archive.source import ArchiveSource

from tests.conftest import TEST_DATA


@pytest.mark.parametrize(
    ("name", "rows", "originals"),
    [
        ("ukraine_oil.jsonl.gz", 62_495, 37_969),
        ("ukraine_oil_snscrape.jsonl.gz", 62_495, 37_969),
        ("covid2020.jsonl.gz", 23_399, 11_927),
        ("covid2020_v1.jsonl.gz", 23_399, 11_927),
        ("twint_native_depressed.jsonl.gz", 12_065, 5_115),
        ("twint_native_bbnaija.jsonl.gz", 25_823, 11_038),
        ("../fixtures/twint_500_rows.csv", 500, 497),
    ],
)
def test_every_row_is_read_and_every_english_original_kept(
    tmp_path: Path, name: str, rows: int, originals: int
) -> None:
    file = TEST_DATA / name
    if not file.exists():
        pytest.skip(f"no real tweets at {file}; set VIRAL_TEST_DATA")
    source = ArchiveSource(str(file), "", tmp_path, log_progress())
    window = source.find_next_window(None, 10**9)
    assert window is not None

    found = source.read_prepared(*window, rows)

    assert (found.count + sum(found.left_out.values()), source.bad_rows) == (rows, {})
    assert found.count + found.left_out.get("sponsored", 0) == originals
