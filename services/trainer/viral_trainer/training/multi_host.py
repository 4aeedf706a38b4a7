"""One training on several ranks: rank 0 tells the others what to train on, and all go through `train` alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors.numpy import load, save
from torch import from_numpy
from viral_common.errors import summarise_error

from viral_trainer.data.examples import Examples
from viral_trainer.model.network import ViralityNetwork, network_of
from viral_trainer.training.loop import Recipe, train
from viral_trainer.training.ranks import Ranks

log = structlog.get_logger()

# Under which prefix each part travels.
_WORDS, _NETWORK, _TRAIN, _VALIDATION = "words", "network.", "train.", "validation."


@dataclass(frozen=True)
class Job:
    """All that `train` is given."""

    network: ViralityNetwork
    examples: Examples
    validation: Examples
    recipe: Recipe

    def packed(self) -> bytes:
        """As safetensors: nothing that a rank receives is unpickled."""
        words = json.dumps({"recipe": asdict(self.recipe), "network": self.network.config()})
        arrays: dict[str, NDArray[Any]] = {_WORDS: np.frombuffer(words.encode(), np.uint8)}
        arrays |= {_NETWORK + name: weight.numpy() for name, weight in self.network.state_dict().items()}
        arrays |= {_TRAIN + name: array for name, array in self.examples.arrays().items()}
        arrays |= {_VALIDATION + name: array for name, array in self.validation.arrays().items()}
        return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))

    @classmethod
    def unpacked(cls, content: bytes) -> Job:
        """The job that was packed so."""
        arrays = load(content)
        words = json.loads(arrays.pop(_WORDS).tobytes())

        def part(prefix: str) -> dict[str, NDArray[Any]]:
            return {
                name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)
            }

        network = network_of(words["network"])
        network.load_state_dict({name: from_numpy(weight) for name, weight in part(_NETWORK).items()})
        examples, validation = Examples.of_arrays(part(_TRAIN)), Examples.of_arrays(part(_VALIDATION))
        return cls(network, examples, validation, Recipe(**words["recipe"]))


@contextmanager
def led(ranks: Ranks, job: Job) -> Iterator[None]:
    """Rank 0: inside, all ranks are ready to `train` this; nothing happens where there are no others."""
    if ranks.world == 1:
        yield
        return
    content = job.packed()
    with ranks.training(ranks.announced(len(content))):
        ranks.send(content)
        del content
        yield


def follow(ranks: Ranks, threads: int) -> None:
    """The other ranks: help with each training, for ever. Raises RankLost once there is nobody to help."""
    for name, size in ranks.announcements():
        try:
            with ranks.training(name):
                job = Job.unpacked(ranks.received(size))
                log.info("helping", rank=ranks.rank, tweets=len(job.examples))
                recipe = replace(job.recipe, threads=threads)
                train(job.network, job.examples, job.validation, recipe, _unheard, _unheard, ranks)
        except RuntimeError as error:  # what torch raises when another rank is gone in the midst of it
            log.warning("a training was cut off", rank=ranks.rank, reason=summarise_error(error))


def _unheard(*_: object) -> None:
    return
