"""Two processes that share every step learn what one does, and Ray is not needed for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributed import destroy_process_group, init_process_group
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel
from viral_trainer.devices import Device
from viral_trainer.training.group import Group
from viral_trainer.training.loop import Recipe, train

from tests.unit.trainer.training.test_loop import make_network, make_some_examples

RECIPE = Recipe(epochs=3, head_lr=1e-2, threads=1)
SIZE = 2
CPU = Device("cpu", None)


def train_shared(rank: int, folder: Path) -> None:
    init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=SIZE)
    network = make_network()
    trained = train(
        network,
        make_some_examples(501, 1),  # the last step's batch cannot be halved
        make_some_examples(200, 2),
        RECIPE,
        lambda *_: None,
        lambda *_: None,
        CPU,
        lambda model: DistributedDataParallel(model, static_graph=True),
        group=Group.find("cpu"),
    )
    torch.save([trained.scores["auc"], trained.steps, network.state_dict()], folder / str(rank))
    destroy_process_group()


def test_two_learn_as_one_and_have_the_same_weights(tmp_path: Path) -> None:
    nothing = lambda *_: None  # noqa: E731
    alone = train(
        make_network(), make_some_examples(501, 1), make_some_examples(200, 2), RECIPE, nothing, nothing, CPU
    )

    spawn(train_shared, (tmp_path,), SIZE)  # type: ignore[no-untyped-call]

    (auc, steps, first), (_, _, second) = (torch.load(tmp_path / str(rank)) for rank in range(SIZE))
    assert auc == pytest.approx(alone.scores["auc"], abs=0.005)
    assert steps == alone.steps
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_without_the_setting_ray_is_not_imported() -> None:
    modules = "viral_trainer.job, viral_trainer.training.challenger, viral_trainer.main"
    code = f"import sys, {modules}; sys.exit('ray' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
