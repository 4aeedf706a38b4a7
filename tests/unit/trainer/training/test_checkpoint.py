"""A training that was killed goes on from its checkpoint to the very same model, or begins again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from viral_trainer.data.window import Window
from viral_trainer.settings import OfflineSettings
from viral_trainer.training import loop
from viral_trainer.training.checkpoint import State, compute_key, read_checkpoint, write_checkpoint
from viral_trainer.training.loop import Trained, train

from tests.factories import make_base_model, make_labelled_tweets
from tests.unit.trainer.training.test_loop import RECIPE, make_network, make_some_examples

KEY = "0" * 64


class Killed(BaseException):
    """Ends a training where SIGKILL would."""


def run(path: Path, kept: State | None = None, kill_at: int | None = None) -> tuple[Trained, torch.Tensor]:
    network = make_network()

    def on_step(step: int, _loss: torch.Tensor) -> None:
        if step == kill_at:
            raise Killed

    trained = train(
        network,
        make_some_examples(500, 1),
        make_some_examples(200, 2),
        RECIPE,
        on_step,
        lambda *_: None,
        kept=kept,
        keep=lambda state: write_checkpoint(path, KEY, state),
    )
    return trained, torch.cat([weight.flatten() for weight in network.parameters()])


@pytest.mark.parametrize("kill_at", [9, 13, 17, 24])
def test_a_killed_training_ends_in_the_same_model(tmp_path: Path, kill_at: int) -> None:
    undisturbed, weights = run(tmp_path / "undisturbed")
    with pytest.raises(Killed):
        run(tmp_path / "killed", kill_at=kill_at)

    kept = read_checkpoint(tmp_path / "killed", KEY)
    assert kept
    assert 8 <= kept["step"] < kill_at
    trained, again = run(tmp_path / "killed", kept)

    assert torch.equal(again, weights)
    assert np.array_equal(trained.logits, undisturbed.logits)
    assert (trained.scores, trained.steps) == (undisturbed.scores, undisturbed.steps)


def test_what_is_kept_between_validations_leads_to_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, weights = run(tmp_path / "undisturbed")
    monkeypatch.setattr(loop, "KEEP_EVERY_S", 0.0)
    with pytest.raises(Killed):
        run(tmp_path / "killed", kill_at=15)

    kept = read_checkpoint(tmp_path / "killed", KEY)
    assert kept
    assert kept["step"] == 14
    assert torch.equal(run(tmp_path / "killed", kept)[1], weights)


def test_a_training_that_had_ended_learns_nothing_more(tmp_path: Path) -> None:
    _, weights = run(tmp_path / "checkpoint")

    kept = read_checkpoint(tmp_path / "checkpoint", KEY)

    assert kept
    assert torch.equal(run(tmp_path / "checkpoint", kept, kill_at=kept["step"] + 1)[1], weights)


@pytest.mark.parametrize("keep", [slice(0, -1), slice(0, 20), slice(0, 0)], ids=["cut", "torn", "empty"])
def test_a_damaged_checkpoint_is_dropped(tmp_path: Path, keep: slice) -> None:
    path = tmp_path / "checkpoint"
    write_checkpoint(path, KEY, {"step": 1, "weight": torch.ones(3)})
    whole = path.read_bytes()
    assert read_checkpoint(path, KEY)
    path.write_bytes(whole[keep])

    assert read_checkpoint(path, KEY) is None


def test_a_checkpoint_of_another_training_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    write_checkpoint(path, KEY, {})

    assert read_checkpoint(path, "1" * 64) is None
    assert read_checkpoint(tmp_path / "none", KEY) is None


def test_tweets_settings_and_base_model_make_a_training_another(tmp_path: Path) -> None:
    base, other = make_base_model(tmp_path / "base"), make_base_model(tmp_path / "other", seed=8)
    tweets, more = make_labelled_tweets(50), make_labelled_tweets(50, seed=8)
    settings = OfflineSettings()
    params: dict[str, object] = {"seed": settings.train_seed}
    key = compute_key(Window.from_tweets(tweets, more), base, params)

    assert compute_key(Window.from_tweets(tweets, more), base, params) == key
    assert compute_key(Window.from_tweets(tweets, tweets), base, params) != key
    assert compute_key(Window.from_tweets(tweets, more), other, params) != key
    assert compute_key(Window.from_tweets(tweets, more), base, {"seed": 8}) != key


def test_no_text_of_a_tweet_is_kept(tmp_path: Path) -> None:
    run(tmp_path / "checkpoint")

    assert b"just saying" not in (tmp_path / "checkpoint").read_bytes()
