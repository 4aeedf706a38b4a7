"""What serves after a restart, with or without anybody to ask."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from viral_gateway.serving.artefact_cache import KEPT, CacheUnwritable

from tests.unit.gateway.swapper_harness import SwapperHarness, in_int8


def test_what_serves_after_a_restart_is_of_the_same_precision(
    harness: SwapperHarness, tmp_path: Path
) -> None:
    harness.swapper.offer(in_int8(harness.mlflow.train(50)))
    harness.mlflow.away = True

    harness.restart(tmp_path)
    harness.swapper.restore()

    assert harness.base == 0.499


def test_at_start_with_everything_away_the_last_good_model_serves(
    harness: SwapperHarness, tmp_path: Path
) -> None:
    for version in (1, 2):
        harness.swapper.offer(harness.mlflow.train(version))
    before = harness.holder.get_serving().model
    harness.mlflow.away = True

    harness.restart(tmp_path)
    harness.swapper.restore()

    assert harness.holder.get_serving().model == before


def test_a_damaged_cache_falls_back_to_the_one_before_and_heals(
    harness: SwapperHarness, tmp_path: Path
) -> None:
    first, second = harness.mlflow.train(1), harness.mlflow.train(2)
    harness.swapper.offer(first)
    harness.swapper.offer(second)
    (harness.cache.get_directory(second) / "model.onnx").write_text("{}")

    harness.restart(tmp_path)
    harness.swapper.restore()
    assert harness.version == 1

    harness.swapper.offer(second)
    assert harness.version == 2


def test_an_empty_or_broken_cache_restores_nothing(harness: SwapperHarness, tmp_path: Path) -> None:
    harness.swapper.restore()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "0123456789abcdef.json").write_text("not json")

    harness.swapper.restore()

    assert harness.version is None


def test_only_the_last_two_artefacts_are_kept(harness: SwapperHarness, tmp_path: Path) -> None:
    for version in range(1, 6):
        harness.swapper.offer(harness.mlflow.train(version))

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
    harness: SwapperHarness, tmp_path: Path, full_disk: Callable[[], None]
) -> None:
    harness.swapper.offer(harness.mlflow.train(1))
    harness.restart(tmp_path)
    full_disk()

    harness.swapper.restore()

    assert harness.version == 1


def test_a_damaged_cache_on_a_disk_that_cannot_be_written_is_no_end(
    harness: SwapperHarness, tmp_path: Path, full_disk: Callable[[], None]
) -> None:
    first, second = harness.mlflow.train(1), harness.mlflow.train(2)
    for model in (first, second):
        harness.swapper.offer(model)
    (harness.cache.get_directory(second) / "model.onnx").write_text("{}")
    harness.restart(tmp_path)
    full_disk()

    harness.swapper.restore()

    assert harness.version == 1


def test_a_model_that_was_fetched_serves_though_it_cannot_be_kept(
    harness: SwapperHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    first = harness.mlflow.train(1)
    monkeypatch.setattr(Path, "replace", full)

    harness.swapper.offer(first)

    assert harness.version == 1


def test_without_room_to_fetch_into_it_is_one_line_and_the_old_model_serves_on(
    harness: SwapperHarness, full_disk: Callable[[], None]
) -> None:
    harness.swapper.offer(harness.mlflow.train(1))
    second = harness.mlflow.train(2)
    full_disk()

    with pytest.raises(CacheUnwritable, match=r"No space left.*VIRAL_DATA_DIR"):
        harness.swapper.offer(second)

    assert harness.version == 1
    assert harness.holder.refused is None


def test_a_note_that_another_gateway_removes_meanwhile_is_passed_over(
    harness: SwapperHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.swapper.offer(harness.mlflow.train(1))
    found = Path.glob

    def with_one_just_removed(directory: Path, pattern: str) -> Any:
        return [*found(directory, pattern), directory / "gone.json"]

    monkeypatch.setattr(Path, "glob", with_one_just_removed)

    assert [model.model_version for model in harness.cache.list_newest_first()] == [1]


def test_postgres_overrules_a_cache_from_another_database(harness: SwapperHarness, tmp_path: Path) -> None:
    harness.swapper.offer(harness.mlflow.train(9, seq=9))
    harness.restart(tmp_path)
    harness.swapper.restore()

    harness.swapper.offer(harness.mlflow.train(1, seq=1))

    assert harness.version == 1
