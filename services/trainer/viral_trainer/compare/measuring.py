"""Measure one training in a process of its own, so that its time and its memory are nobody else's."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from viral_common.errors import ViralError
from viral_common.logging import configure_logging
from viral_common.tweets.features import TweetInput

from viral_trainer.compare.contenders import Contender
from viral_trainer.compare.parts import Parts, hide
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.settings import OfflineSettings

_HIGH_WATER = "VmHWM:"


@dataclass(frozen=True)
class MeasuredTraining:
    """Hold what a training answered of the tweets it was asked about, and what it cost."""

    probabilities: list[NDArray[np.float64]]  # one (asked tweets,) per contender
    seconds: float
    peak_mb: float


def measure_training(
    contenders: Sequence[Contender], parts: Parts, asked: Sequence[TweetInput], settings: OfflineSettings
) -> MeasuredTraining:
    """Train the contenders' one model in a new process and ask it for each. Raises ViralError if the process dies."""
    context = multiprocessing.get_context("spawn")
    with _fix_text_hashes(), ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_train_and_ask, list(contenders), parts, list(asked), settings).result()
        except BrokenProcessPool as error:
            names = ", ".join(contender.name for contender in contenders)
            raise ViralError(
                f"the process that trained {names} died, perhaps for lack of memory; "
                "try fewer --max-tweets or leave it out of --models"
            ) from error


def _train_and_ask(
    contenders: list[Contender], parts: Parts, asked: list[TweetInput], settings: OfflineSettings
) -> MeasuredTraining:
    configure_logging("compare", settings.model_copy(update={"log_level": "error"}))
    first, learned = contenders[0], parts.hide(contenders[0].trains)
    recipe = import_module(f"viral_trainer.compare.recipes.{first.recipe}")
    started = time.perf_counter()
    # OpenBLAS's threads spin while they wait: on cores that others use too that costs many times what it brings.
    with threadpool_limits(1, user_api="blas"):
        predict: Predict = recipe.train(learned, settings)
    seconds = time.perf_counter() - started
    answers = [predict([hide(tweet, contender.asked) for tweet in asked]) for contender in contenders]
    return MeasuredTraining(answers, seconds, measure_peak_mb())


def measure_peak_mb() -> float:
    """Measure the most memory this process ever held, in 10⁶ bytes: Python, libraries, tweets, model."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux a new program inherits the peak of the process that started it.
        line = next(line for line in status.read_text().splitlines() if line.startswith(_HIGH_WATER))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


@contextmanager
def _fix_text_hashes() -> Iterator[None]:
    """Have Python hash text alike in every process: gensim draws first vectors from that."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        yield
    finally:
        del os.environ["PYTHONHASHSEED"]
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before
