"""Processes that train together learn what one alone would."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from viral_trainer.data.examples import Minibatch
from viral_trainer.training.group import ALONE, Group
from viral_trainer.training.loop import compute_view_logits

from tests.unit.trainer.training.test_loop import make_network, make_some_examples


def make_batch(count: int) -> Minibatch:
    numbers = torch.arange(count)
    tokens = numbers.unsqueeze(1)
    return Minibatch(tokens, tokens, tokens.float(), numbers.float())


@pytest.mark.parametrize("count", [1, 3, 7, 8])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_mean_over_weighted_shares_is_the_batchs_mean(count: int, size: int) -> None:
    batch = make_batch(count)

    shares = [batch.take_share(rank, size) for rank in range(size)]

    means = [weight * float(share.labels.mean()) for share, weight in shares]
    assert np.mean(means) == pytest.approx(float(batch.labels.mean()))


def test_a_batch_is_shared_without_a_tweet_twice() -> None:
    batch = make_batch(7)

    shares = [batch.take_share(rank, 3)[0] for rank in range(3)]

    assert sorted(torch.cat([share.labels for share in shares]).tolist()) == list(range(7))
    assert all(len(share.input_ids) == len(share.labels) for share in shares)


def test_none_gets_an_empty_batch_for_what_it_does_not_learn_from() -> None:
    share, weight = make_batch(1).take_share(1, 2)

    assert len(share) == 1
    assert weight == 0


def test_the_logits_of_all_add_up_to_those_of_one() -> None:
    network, examples = make_network(), make_some_examples(200, 2)

    parts = [compute_view_logits(network, examples, group=Group(rank, 3)) for rank in range(3)]

    assert np.array_equal(sum(parts), compute_view_logits(network, examples))
    assert all((part == 0).any() for part in parts)


def test_alone_nothing_is_exchanged() -> None:
    array = np.ones(3, np.float32)

    assert ALONE.add_up(array) is array
