"""A backup's folder: whole or not there, private, and known to be unchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from viral_common.errors import UsageError
from viral_local.backup.folder import (
    MANIFEST,
    Manifest,
    compute_files,
    copy_files,
    read_manifest,
    verify_files,
    write_beside,
)


def make_manifest(folder: Path) -> Manifest:
    return Manifest(
        made_at=datetime(2026, 11, 30, tzinfo=UTC),
        product="0.1.0",
        schema_revision="0006",
        postgres=18,
        pg_dump=18,
        has_artefacts=False,
        files=compute_files(folder),
    )


def test_the_name_is_taken_at_the_end_and_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "monday"
    folder.mkdir(parents=True)

    with write_beside(folder) as unfinished:
        (unfinished / "file").write_text("whole")
        assert list(folder.iterdir()) == []

    assert (folder / "file").read_text() == "whole"
    assert [path.name for path in folder.parent.iterdir()] == ["monday"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="disk full"), write_beside(tmp_path / "monday"):
        raise ValueError("disk full")

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_goes_and_what_looks_like_it_stays(tmp_path: Path) -> None:
    for name in (".monday.a1b2.unfinished", ".tuesday.a1b2.unfinished"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()

    with write_beside(tmp_path / "monday"):
        pass

    assert sorted(path.name for path in tmp_path.iterdir()) == [".tuesday.a1b2.unfinished", "monday"]


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").touch()

    with pytest.raises(UsageError, match="is there and not empty"), write_beside(tmp_path):
        pass


def test_copies_are_private_and_what_is_there_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "run").mkdir(parents=True)
    (source / "run" / "model").write_text("of the backup")
    (source / "run" / "key").write_text("of the backup")
    (target / "run").mkdir(parents=True)
    (target / "run" / "key").write_text("of here")

    copy_files(source, target)

    assert (target / "run" / "model").read_text() == "of the backup"
    assert (target / "run" / "key").read_text() == "of here"
    assert (target / "run" / "model").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["changed", "gone", "more"])
def test_a_damaged_backup_is_refused_by_the_name_of_the_file(tmp_path: Path, damage: str) -> None:
    (tmp_path / "viral").mkdir()
    (tmp_path / "viral" / "toc.dat").write_text("table of contents")
    manifest = make_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text(manifest.model_dump_json())
    verify_files(tmp_path, read_manifest(tmp_path))

    if damage == "changed":
        (tmp_path / "viral" / "toc.dat").write_text("table of contentS")
    elif damage == "gone":
        (tmp_path / "viral" / "toc.dat").unlink()
    else:
        (tmp_path / "viral" / "more.dat").touch()

    named = "viral/more.dat" if damage == "more" else "viral/toc.dat"
    with pytest.raises(UsageError, match=f"is damaged: {named} is not what manifest.json says"):
        verify_files(tmp_path, manifest)


@pytest.mark.parametrize("text", [None, "{", '{"files": {}}'])
def test_a_folder_without_a_sound_manifest_is_no_backup(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(UsageError, match="is no backup, or not a whole one"):
        read_manifest(tmp_path)
