"""A project folder that was copied or moved: whose stack is whose."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import cast

import psutil
import pytest
from viral_local import system_user
from viral_local.home import Home
from viral_local.process.orphans import find_orphans, find_postmaster


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    home = Home(tmp_path / "main" / ".viral")
    home.make()
    return home


def copied(home: Home) -> Home:
    there = home.root.parent.with_name("main2")
    shutil.copytree(home.root.parent, there)
    return Home(there / ".viral")


def moved(home: Home) -> Home:
    there = home.root.parent.with_name("main2")
    home.root.parent.rename(there)
    return Home(there / ".viral")


def test_a_copy_gets_an_identity_of_its_own(original: Home) -> None:
    copy = copied(original)

    copy.make()

    assert copy.stack_id not in ("", original.stack_id)
    assert Home(copy.root).stack_id == copy.stack_id
    assert Home(original.root).stack_id == original.stack_id


def test_a_moved_folder_keeps_its_identity(original: Home) -> None:
    identity = original.stack_id
    there = moved(original)

    there.make()

    assert there.stack_id == identity


def test_so_does_one_that_is_reached_through_a_link(original: Home) -> None:
    link = original.root.parent.with_name("link")
    link.symlink_to(original.root.parent)

    assert Home(link / ".viral").stack_id == original.stack_id


def test_a_copy_does_not_take_the_data_that_root_keeps_elsewhere_for_its_own(
    original: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_user, "SYSTEM_DIR", tmp_path / "var")
    data = tmp_path / "var" / original.stack_id
    data.mkdir(parents=True)
    (data / "home").write_text(str(original.root))

    copy = copied(original)

    assert Home(original.root).owner.data_dir == data
    assert copy.stack_id == ""
    assert copy.owner.data_dir != data


class FakeProcess:
    """As much of psutil.Process as is looked at."""

    pid = 77

    def __init__(self, home: Home, state: str = "sleeping") -> None:
        self._marks = {"VIRAL_STACK": home.stack_id, "VIRAL_STACK_HOME": str(home.root)}
        self._state = state

    def environ(self) -> dict[str, str]:
        return {**self._marks, "VIRAL_PROGRAM": "mlflow"}

    def status(self) -> str:
        return self._state

    def create_time(self) -> float:
        return 1000.0


@pytest.fixture
def running(original: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    process = FakeProcess(original)
    monkeypatch.setattr(psutil, "process_iter", lambda: [process])


@pytest.mark.usefixtures("running")
def test_from_a_copy_the_original_is_not_stopped(original: Home) -> None:
    copy = copied(original)

    assert find_orphans(original.stack_id, copy.root) == []
    assert len(find_orphans(original.stack_id, original.root)) == 1


@pytest.mark.usefixtures("running")
def test_from_a_moved_folder_what_was_started_before_is_stopped(original: Home) -> None:
    there = moved(original)

    assert len(find_orphans(there.stack_id, there.root)) == 1


def postmaster_of(home: Home, process: FakeProcess) -> psutil.Process | None:
    pid_file = home.root / "servers" / "postgres" / "postmaster.pid"
    return find_postmaster(pid_file, lambda _: cast(psutil.Process, process))


@pytest.fixture
def with_postgres(original: Home) -> Home:
    data = original.root / "servers" / "postgres"
    data.mkdir()
    (data / "postmaster.pid").write_text(f"77\n{data}\n1000\n5432\n")
    return original


def test_a_copied_postgres_file_does_not_name_the_originals_server(with_postgres: Home) -> None:
    process = FakeProcess(with_postgres)
    copy = copied(with_postgres)

    assert postmaster_of(copy, process) is None
    assert postmaster_of(with_postgres, process) is not None


def test_a_moved_postgres_file_still_names_its_server(with_postgres: Home) -> None:
    process = FakeProcess(with_postgres)

    assert postmaster_of(moved(with_postgres), process) is not None


def test_a_postgres_that_ended_and_was_not_waited_for_is_nobody(with_postgres: Home) -> None:
    assert postmaster_of(with_postgres, FakeProcess(with_postgres, psutil.STATUS_ZOMBIE)) is None


def test_an_identity_that_another_start_made_meanwhile_is_kept(original: Home) -> None:
    late = Home(original.root)
    late.__dict__["stack_id"] = ""  # as it read before

    late.make()

    assert late.stack_id == original.stack_id
