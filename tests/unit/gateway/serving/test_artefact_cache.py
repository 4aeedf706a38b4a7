"""What serves after a restart, with or without anybody to ask."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from viral_gateway.serving.artefact_cache import KEPT, CacheUnwritable

from tests.unit.gateway.stage import Stage, in_int8


def test_what_serves_after_a_restart_is_of_the_same_precision(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(in_int8(stage.mlflow.train(50)))
    stage.mlflow.away = True

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.base == 0.499


def test_a_cached_promotion_from_before_int8_is_of_fp32(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(50))
    (note,) = (tmp_path / "cache").glob("*.json")
    kept = json.loads(note.read_text())
    del kept["precision"]
    note.write_text(json.dumps(kept))

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.base == 0.5


def test_at_start_with_everything_away_the_last_good_model_serves(stage: Stage, tmp_path: Path) -> None:
    for version in (1, 2):
        stage.swapper.offer(stage.mlflow.train(version))
    before = stage.holder.get_serving().model
    stage.mlflow.away = True

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.holder.get_serving().model == before


def test_a_damaged_cache_falls_back_to_the_one_before_and_heals(stage: Stage, tmp_path: Path) -> None:
    first, second = stage.mlflow.train(1), stage.mlflow.train(2)
    stage.swapper.offer(first)
    stage.swapper.offer(second)
    (stage.cache.directory_of(second) / "model.onnx").write_text("{}")

    stage.restart(tmp_path)
    stage.swapper.restore()
    assert stage.version == 1

    stage.swapper.offer(second)
    assert stage.version == 2


def test_an_empty_or_broken_cache_restores_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.restore()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "0123456789abcdef.json").write_text("not json")

    stage.swapper.restore()

    assert stage.version is None


def test_only_the_last_two_artefacts_are_kept(stage: Stage, tmp_path: Path) -> None:
    for version in range(1, 6):
        stage.swapper.offer(stage.mlflow.train(version))

    kept = {path.name for path in (tmp_path / "cache").iterdir()}

    assert len([name for name in kept if name.endswith(".json")]) == KEPT
    assert len(kept) == 2 * KEPT


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on the disk takes nothing, and gives nothing up."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill() -> None:
        for name in ("write_text", "mkdir", "unlink", "replace"):
            monkeypatch.setattr(Path, name, full)

    return fill


def test_on_a_full_disk_the_cached_model_serves_all_the_same(
    stage: Stage, tmp_path: Path, full_disk: Callable[[], None]
) -> None:
    stage.swapper.offer(stage.mlflow.train(1))
    stage.restart(tmp_path)
    full_disk()

    stage.swapper.restore()

    assert stage.version == 1


def test_a_damaged_cache_on_a_disk_that_cannot_be_written_is_no_end(
    stage: Stage, tmp_path: Path, full_disk: Callable[[], None]
) -> None:
    first, second = stage.mlflow.train(1), stage.mlflow.train(2)
    for model in (first, second):
        stage.swapper.offer(model)
    (stage.cache.directory_of(second) / "model.onnx").write_text("{}")
    stage.restart(tmp_path)
    full_disk()

    stage.swapper.restore()

    assert stage.version == 1


def test_a_model_that_was_fetched_serves_though_it_cannot_be_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    first = stage.mlflow.train(1)
    monkeypatch.setattr(Path, "replace", full)

    stage.swapper.offer(first)

    assert stage.version == 1


def test_without_room_to_fetch_into_it_is_one_line_and_the_old_model_serves_on(
    stage: Stage, full_disk: Callable[[], None]
) -> None:
    stage.swapper.offer(stage.mlflow.train(1))
    second = stage.mlflow.train(2)
    full_disk()

    with pytest.raises(CacheUnwritable, match=r"No space left.*VIRAL_DATA_DIR"):
        stage.swapper.offer(second)

    assert stage.version == 1
    assert stage.holder.refused is None


def test_a_note_that_another_gateway_removes_meanwhile_is_passed_over(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.swapper.offer(stage.mlflow.train(1))
    found = Path.glob

    def with_one_just_removed(directory: Path, pattern: str) -> Any:
        return [*found(directory, pattern), directory / "gone.json"]

    monkeypatch.setattr(Path, "glob", with_one_just_removed)

    assert [model.model_version for model in stage.cache.newest_first()] == [1]


def test_postgres_overrules_a_cache_from_another_database(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(9, seq=9))
    stage.restart(tmp_path)
    stage.swapper.restore()

    stage.swapper.offer(stage.mlflow.train(1, seq=1))

    assert stage.version == 1
