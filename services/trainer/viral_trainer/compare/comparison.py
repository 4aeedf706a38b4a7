"""Train all contenders on the same tweets, one after the other, and score them on the same others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from viral_common.artefact.files import DECISION_THRESHOLD
from viral_common.evaluation.intervals import compute_scores_with_intervals
from viral_common.evaluation.within_author import compute_within_author, freeze_authors
from viral_common.tweets.tweet import LabelledTweet, stack_authors, stack_labels, take_inputs

from viral_trainer.compare.contenders import Contender, group_by_training
from viral_trainer.compare.measuring import measure_training
from viral_trainer.compare.parts import SplitBy, split_tweets
from viral_trainer.settings import OfflineSettings


@dataclass(frozen=True)
class Result:
    """Hold one contender's figures on the test tweets, and what its training cost."""

    contender: Contender
    scores: dict[str, float]  # with the ends of those 95% intervals that there are: auc_low, auc_high
    train_seconds: float
    peak_mb: float
    probabilities: NDArray[np.float64] = field(repr=False)  # (test tweets,)


@dataclass(frozen=True)
class Comparison:
    """Hold the results in the order of the table, and on what they rest."""

    split: SplitBy
    seed: int
    likes_threshold: int
    train_count: int
    validation_count: int
    test_from: datetime
    test_to: datetime
    labels: NDArray[np.bool_] = field(repr=False)  # of the test tweets
    results: list[Result]

    @property
    def tweets(self) -> int:
        """All of them."""
        return self.train_count + self.validation_count + len(self.labels)


def compare(
    tweets: Sequence[LabelledTweet],
    contenders: Sequence[Contender],
    split: SplitBy,
    settings: OfflineSettings,
    on_start: Callable[[list[Contender]], None],
    on_result: Callable[[Result], None],
) -> Comparison:
    """Train and score everyone on `tweets`, which are in time order."""
    parts = split_tweets(tweets, split, settings.train_seed, settings.likes_threshold)
    labels, authors = stack_labels(parts.test), stack_authors(parts.test)
    paired = freeze_authors(parts.test)
    asked = take_inputs([*parts.test, *paired])
    results = []
    for group in group_by_training(contenders):
        on_start(group)
        training = measure_training(group, parts, asked, settings)
        for contender, answers in zip(group, training.probabilities, strict=True):
            probabilities, of_pairs = np.split(answers, [len(labels)])
            scores = compute_scores_with_intervals(labels, probabilities, authors, DECISION_THRESHOLD)
            scores |= compute_within_author(paired, of_pairs)
            result = Result(contender, scores, training.seconds, training.peak_mb, probabilities)
            results.append(result)
            on_result(result)
    return Comparison(
        split=split,
        seed=settings.train_seed,
        likes_threshold=settings.likes_threshold,
        train_count=len(parts.train),
        validation_count=len(parts.validation),
        test_from=parts.test[0].input.created_at,
        test_to=parts.test[-1].input.created_at,
        labels=labels,
        results=results,
    )
