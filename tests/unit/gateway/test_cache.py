"""What serves after a restart, with or without anybody to ask."""

from __future__ import annotations

import json
from pathlib import Path

from viral_gateway.cache import KEPT

from tests.unit.gateway.stage import Stage, in_int8


def test_what_serves_after_a_restart_is_of_the_same_precision(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(in_int8(stage.mlflow.train(50)), from_ledger=True)
    stage.mlflow.away = True

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.base == 0.499


def test_a_cached_promotion_from_before_int8_is_of_fp32(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(50), from_ledger=True)
    (note,) = (tmp_path / "cache").glob("*.json")
    kept = json.loads(note.read_text())
    del kept["precision"]
    note.write_text(json.dumps(kept))

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.base == 0.5


def test_at_start_with_everything_away_the_last_good_model_serves(stage: Stage, tmp_path: Path) -> None:
    for version in (1, 2):
        stage.swapper.offer(stage.mlflow.train(version), from_ledger=True)
    before = stage.holder.serving().model
    stage.mlflow.away = True

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.holder.serving().model == before


def test_a_damaged_cache_falls_back_to_the_one_before_and_heals(stage: Stage, tmp_path: Path) -> None:
    first, second = stage.mlflow.train(1), stage.mlflow.train(2)
    stage.swapper.offer(first, from_ledger=True)
    stage.swapper.offer(second, from_ledger=True)
    (stage.cache.directory_of(second) / "model.onnx").write_text("{}")

    stage.restart(tmp_path)
    stage.swapper.restore()
    assert stage.version == 1

    stage.swapper.offer(second, from_ledger=True)
    assert stage.version == 2


def test_an_empty_or_broken_cache_restores_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.restore()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "0123456789abcdef.json").write_text("not json")

    stage.swapper.restore()

    assert stage.version is None


def test_only_the_last_two_artefacts_are_kept(stage: Stage, tmp_path: Path) -> None:
    for version in range(1, 6):
        stage.swapper.offer(stage.mlflow.train(version), from_ledger=True)

    kept = {path.name for path in (tmp_path / "cache").iterdir()}

    assert len([name for name in kept if name.endswith(".json")]) == KEPT
    assert len(kept) == 2 * KEPT


def test_postgres_overrules_a_cache_from_another_database(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(9, seq=9), from_ledger=True)
    stage.restart(tmp_path)
    stage.swapper.restore()

    stage.swapper.offer(stage.mlflow.train(1, seq=1), from_ledger=True)

    assert stage.version == 1


def test_a_late_event_does_not_overrule_the_cache(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(9, seq=9), from_ledger=True)
    stage.restart(tmp_path)
    stage.swapper.restore()

    stage.swapper.offer(stage.mlflow.train(8, seq=8), from_ledger=False)

    assert stage.version == 9
