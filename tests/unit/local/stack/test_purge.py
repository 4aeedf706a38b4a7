"""What `viral down --purge` must not delete."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from viral_local import system_user
from viral_local.settings import LocalSettings
from viral_local.stack.stack import Stack


@pytest.mark.parametrize("user", [0, 1000])
def test_where_no_stack_was_made_nothing_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    somebodys, mine = tmp_path / "var" / "another-stack", tmp_path / "data" / "logs"
    somebodys.mkdir(parents=True)
    mine.mkdir(parents=True)
    monkeypatch.setattr(system_user, "SYSTEM_DIR", tmp_path / "var")
    monkeypatch.setattr(os, "geteuid", lambda: user)

    assert Stack(LocalSettings(data_dir=tmp_path / "data")).down(purge=True) == 0

    assert somebodys.is_dir()
    assert mine.is_dir()
