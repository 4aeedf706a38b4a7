"""The trainer's commands as a person types them, and a file to give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from viral_trainer.cli import app

from tests.factories import make_twint_days, write_lines


@pytest.fixture
def type_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """In an empty folder, where no `.env` says anything."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture
def tweets(tmp_path: Path) -> Path:
    """400 originals, a third of them without likes, and rows that are none."""
    rows: Sequence[dict[str, Any] | bytes] = [
        *make_twint_days(days=10, per_day=40),
        *make_twint_days(days=1, per_day=20, language="de"),
        *make_twint_days(days=10, per_day=40)[:10],  # collected twice
        b"oops\n",
    ]
    return write_lines(tmp_path / "tweets.jsonl.gz", rows)
