"""Two processes train as one, wait for one another without end, and let nobody hang."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import pytest
import torch
from torch._C._distributed_c10d import HashStore, TCPStore
from viral_common.features import FEATURES
from viral_trainer import ranks as ranks_module
from viral_trainer.data import Examples, examples_of, scaling_of, unscaled
from viral_trainer.joint import Job, led
from viral_trainer.network import ViralityNetwork
from viral_trainer.ranks import ALONE, RankLost, Ranks, these_ranks
from viral_trainer.training import Recipe, Trained, train

from tests.artefacts import letter_tokenizer, narrow_encoder
from tests.labelled import labelled_tweets

FOLLOWER = """
from viral_trainer.joint import follow
from viral_trainer.ranks import these_ranks
follow(these_ranks(), threads=1)
"""


def examples(count: int, seed: int) -> Examples:
    tweets = labelled_tweets(count, seed)
    return examples_of(tweets, letter_tokenizer(), scaling_of(unscaled(tweets)))


def job() -> Job:
    """Of its last batch, a single tweet, one of two ranks gets none."""
    network = ViralityNetwork(narrow_encoder(seed=7), len(FEATURES))
    return Job(network, examples(321, 1), examples(101, 2), Recipe(epochs=2, batch_size=64, threads=1))


class Stopped(Exception):
    """What ends rank 0's training from inside."""


def trained(ranks: Ranks, stop_at: int = 0) -> tuple[Trained, list[float], Job]:
    """The result and the loss of each step."""
    work, losses = job(), list[float]()

    def on_step(step: int, loss: torch.Tensor) -> None:
        losses.append(loss.item())
        if step == stop_at:
            raise Stopped

    with led(ranks, work):
        result = train(
            work.network, work.examples, work.validation, work.recipe, on_step, lambda *_: None, ranks
        )
    return result, losses, work


@contextmanager
def follower(store: TCPStore) -> Iterator[subprocess.Popen[bytes]]:
    """Rank 1 of 2, as torchrun would start it."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        **{"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"},
    }
    with subprocess.Popen([sys.executable, "-c", FOLLOWER], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.timeout(120)
def test_two_processes_train_as_one_and_outlive_each_others_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone, losses, model = trained(ALONE)
    store = TCPStore("127.0.0.1", 0, 2, is_master=True, wait_for_workers=False)
    first = Ranks(0, 2, 0, 2, store)
    first.beat()

    with follower(store) as process:
        together, shared_losses, shared_model = trained(first)
        with pytest.raises(Stopped):
            trained(first, stop_at=3)
        _, losses_after_a_failure, _ = trained(first)
        process.kill()
        process.wait()
        monkeypatch.setattr(ranks_module, "PATIENCE", timedelta(seconds=2))
        with pytest.raises(RuntimeError):
            trained(first)

    assert shared_losses == pytest.approx(losses, abs=2e-3)
    assert losses_after_a_failure == shared_losses
    assert together.metrics["log_loss"] == pytest.approx(alone.metrics["log_loss"], abs=2e-3)
    for one, other in zip(model.network.parameters(), shared_model.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=5e-3)


def test_a_job_arrives_as_it_was_sent() -> None:
    sent = job()

    arrived = Job.unpacked(sent.packed())

    assert arrived.recipe == sent.recipe
    assert arrived.examples.arrays().keys() == sent.examples.arrays().keys()
    for name, array in sent.examples.arrays().items():
        assert np.array_equal(arrived.examples.arrays()[name], array)
    weights = arrived.network.state_dict()
    assert all(torch.equal(weights[name], weight) for name, weight in sent.network.state_dict().items())


def test_without_torchrun_a_process_is_alone() -> None:
    assert these_ranks({}) is ALONE


def test_a_rank_leaves_when_nothing_is_heard_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks_module, "SILENCE_S", 0.2)
    monkeypatch.setattr(ranks_module, "POLL_S", 0.05)

    with pytest.raises(RankLost, match="nothing heard of rank 0"):
        next(Ranks(1, 2, 1, 2, HashStore()).announcements())


def test_what_a_dead_first_rank_announced_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks_module, "POLL_S", 0.01)
    store = HashStore()
    dead, alive = Ranks(0, 2, 0, 2, store), Ranks(0, 2, 0, 2, store)
    store.set("beat", f"{dead.session} 1")
    dead.announced(11)
    announcements = Ranks(1, 2, 1, 2, store).announcements()

    threading.Timer(0.1, alive.beat).start()
    threading.Timer(0.2, alive.announced, [22]).start()

    assert next(announcements)[1] == 22
