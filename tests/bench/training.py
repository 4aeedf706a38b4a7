"""Training: the product's recipe against the student project's (frozen encoder, everything padded to 128)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from viral_trainer.data import Examples, examples_of, scaling_of, unscaled
from viral_trainer.training import Recipe, train

from tests.bench.figures import Figure
from tests.bench.tweets import some_tweets, untrained_model

TWEETS = 6000
# The project trained up to 20 epochs of a frozen encoder; two of a trained one reach more.
THEIR_EPOCHS, OUR_EPOCHS = 20, 2
PADDED = 128
TARGET = 10


def measure(_scratch: Path) -> list[Figure]:
    """Each epoch is timed; a whole training is that times the recipe's number of epochs."""
    tweets = some_tweets(TWEETS)
    model = untrained_model()
    examples = examples_of(tweets, model.tokenizer, scaling_of(unscaled(tweets)))

    started = time.perf_counter()
    train(
        model.network,
        examples,
        examples_of(tweets[:64], model.tokenizer, model.scaling),
        Recipe(epochs=1),
        _quiet,
        _quiet,
    )
    rate = TWEETS / (time.perf_counter() - started) / OUR_EPOCHS
    theirs = TWEETS / _their_epoch_s(examples) / THEIR_EPOCHS

    ratio = rate / theirs
    rival = f"the student project's recipe: frozen, padded to {PADDED}, {THEIR_EPOCHS} epochs"
    return [Figure("whole training", rate, "tweets/s", rival, theirs, f"≥ {TARGET}×", ratio >= TARGET)]


def _their_epoch_s(examples: Examples) -> float:
    network = untrained_model().network
    for parameter in network.encoder.parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.Adam(network.head.parameters(), lr=1e-3)
    rows = len(examples)
    ids = torch.zeros(rows, PADDED, dtype=torch.int64)
    mask = torch.zeros(rows, PADDED, dtype=torch.int64)
    for row, tokens in enumerate(examples.tokens):
        ids[row, : len(tokens)] = torch.from_numpy(np.asarray(tokens, dtype=np.int64))
        mask[row, : len(tokens)] = 1
    features, labels = (
        torch.from_numpy(examples.features),
        torch.from_numpy(examples.labels.astype(np.float32)),
    )

    started = time.perf_counter()
    for batch in torch.split(torch.randperm(rows), 64):
        loss = binary_cross_entropy_with_logits(
            network(ids[batch], mask[batch], features[batch]), labels[batch]
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return time.perf_counter() - started


def _quiet(*_: object) -> None:
    return
