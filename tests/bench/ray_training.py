"""Time one training in a process, and on a Ray cluster of this machine with one worker and with two.

python -m tests.bench.ray_training 20000 auto

The cluster is started before, with two CPUs (docs/scaling-out.md). Each training is a process of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rich.console import Console
from viral_trainer.data.examples import compute_features, fit_scaling, make_examples
from viral_trainer.data.window import Window
from viral_trainer.job import join_cluster
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import DEFAULT_BASE_MODEL, OfflineSettings
from viral_trainer.training import fit as fitting

from tests.bench.tweets import some_tweets

CORES = 2


@dataclass(frozen=True)
class Times:
    """Seconds of one training's parts; `starts`: until the workers train, and after they have."""

    place: str
    joins: float
    starts: float
    network: float
    trees: float
    speed: float  # of the network: tweets a second, each epoch's counted
    auc: float

    def to_row(self) -> str:
        seconds = " | ".join(f"{one:.1f} s" for one in (self.joins, self.starts, self.network, self.trees))
        return f"| {self.place} | {seconds} | {self.speed:,.0f} | {self.auc:.4f} |"


def main(tweets: int, address: str) -> None:
    """Print a row for each place."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    print_line = Console(soft_wrap=True).print
    print_line(
        "| place | joins | starts | network | trees | tweets/s | validation AUC |\n|---|---|---|---|---|---|---|"
    )
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for where, workers in (("", 1), (address, 1), (address, 2)):
            print_line(pool.submit(time_training, tweets, where, workers).result().to_row())
        made, handed = pool.submit(time_data, tweets, address).result()
        print_line(f"tokens and features: {made:.2f} s; from here to a worker: {handed:.2f} s")


def time_training(count: int, address: str, workers: int) -> Times:
    """Train at one place."""
    settings = OfflineSettings(
        ray_address=address,
        ray_workers=workers,
        ray_min_workers=workers,
        ray_worker_resources={"CPU": CORES / workers},
    )
    tweets = some_tweets(count * 6 // 5)
    window = Window.from_tweets(tweets[:count], tweets[count:])
    base = find_base_model(DEFAULT_BASE_MODEL)
    cluster, started = None, time.perf_counter()
    if address:
        cluster = join_cluster(settings)
    joined = time.perf_counter()
    parts: dict[str, Any] = vars(fitting)
    blend, began = parts["blend_models"], list[float]()

    def blend_models(*arguments: Any) -> Any:
        began.append(time.perf_counter())
        return blend(*arguments)

    parts["blend_models"] = blend_models
    model, trained = fitting.fit(window, base, settings, UUID(int=0), fitting.NoProgress(), cluster=cluster)
    trees = time.perf_counter() - began[0]
    network = trained.seconds - trees
    starts = began[0] - joined - network
    auc = model.training.metrics["auc"]
    return Times(trained.place, joined - started, starts, network, trees, trained.tweets_per_second, auc)


def time_data(count: int, address: str) -> tuple[float, float]:
    """Time making what a worker learns from, and handing it over by Ray's store."""
    import ray

    ray.init(address, log_to_driver=False)
    ask = ray.remote(lambda given: len(given))
    ray.get(ask.remote([1]))  # a worker is there, and has imported
    tokenizer = find_base_model(DEFAULT_BASE_MODEL).load_tokenizer(128)
    tweets = some_tweets(count)
    started = time.perf_counter()
    features = compute_features(tweets)
    examples = make_examples(tweets, tokenizer, fit_scaling(features), features)
    made = time.perf_counter()
    ray.get(ask.remote(ray.put(examples)))
    return made - started, time.perf_counter() - made


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
