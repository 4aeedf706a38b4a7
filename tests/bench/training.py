"""Training a batch of 50,000 tweets: the product's recipe against the student project's (frozen, padded to 128)."""

from __future__ import annotations

import time
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID

import torch
from viral_common.tweets.tweet import LabelledTweet, stack_labels, take_inputs
from viral_trainer.compare.recipes.frozen_bert import (
    LEARNING_RATE,
    MOST_EPOCHS,
    FrozenBert,
    TweetReader,
    train_epoch,
)
from viral_trainer.data.window import Window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import DEFAULT_BASE_MODEL, OfflineSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.bench.figures import Figure
from tests.bench.tweets import some_tweets

# What a batch of 50,000 gives to train on and to choose with.
TRAIN, VALIDATION = 35_000, 7_500
MOST_SECONDS, LEAST_RATIO = 120, 10
# Of the rival one epoch of so many is timed: its steps are all alike, and twenty whole epochs take 20 minutes.
TIMED = 4_096


def measure(_scratch: Path) -> list[Figure]:
    """Seconds from labelled tweets to a calibrated network: tokens, features, epochs, validation after each."""
    tweets = some_tweets(TRAIN + VALIDATION)
    # None of those that validate are learned: training would not see when it begins to overfit.
    learned = list(islice(cycle(tweets[:-VALIDATION]), TRAIN))
    window = Window.from_tweets(learned, tweets[-VALIDATION:])
    started = time.perf_counter()
    fit(window, find_base_model(DEFAULT_BASE_MODEL), OfflineSettings(), UUID(int=0), NoProgress())
    ours = time.perf_counter() - started
    theirs = MOST_EPOCHS * TRAIN * _time_rival_per_tweet(learned[:TIMED])

    rival = f"the student project's recipe, {MOST_EPOCHS} epochs (from {TIMED:,} tweets of one)"
    target = f"≤ {MOST_SECONDS} s and ≥ {LEAST_RATIO}×"
    met = ours <= MOST_SECONDS and theirs >= LEAST_RATIO * ours
    return [
        Figure(f"training on {TRAIN:,} tweets", ours, "s", rival, theirs, target, met, less_is_better=True)
    ]


def _time_rival_per_tweet(tweets: list[LabelledTweet]) -> float:
    reader = TweetReader(find_base_model(DEFAULT_BASE_MODEL), tweets)
    network = FrozenBert(reader.base)
    read = reader.read(take_inputs(tweets))
    labels = torch.tensor(stack_labels(tweets), dtype=torch.float32)
    optimizer = torch.optim.Adam(network.head.parameters(), lr=LEARNING_RATE)
    torch.set_num_threads(OfflineSettings().cores)

    started = time.perf_counter()
    train_epoch(network, read, labels, optimizer)
    return (time.perf_counter() - started) / len(tweets)
