"""What the benchmarks work on: real tweets where there are any, else simulated ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np
from viral_common.archive.bad_rows import BadRows
from viral_common.archive.reader import read_tweets
from viral_common.artefact.files import Calibration, FeatureScaling
from viral_common.tweets.features import FEATURES, TWEET_FEATURES, TweetInput
from viral_common.tweets.filters import filter_tweets
from viral_common.tweets.tweet import LabelledTweet, RawTweet
from viral_scraper.sources.simulated import SimulatedSource
from viral_trainer.model.base_model import find_base_model
from viral_trainer.model.export import TrainedModel
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.model.text_trees import BoostedText
from viral_trainer.model.tree_layer import Trees
from viral_trainer.settings import DEFAULT_BASE_MODEL, TrainerSettings
from viral_trainer.training.boosting import grow_like_trees, grow_trees

from tests.conftest import TEST_DATA
from tests.factories import make_summary

ARCHIVE = TEST_DATA / "ukraine_oil.jsonl.gz"


def some_tweets(count: int) -> list[LabelledTweet]:
    """The first originals of the archive, or as many simulated ones."""
    kept = filter_tweets(islice(_raw_tweets(count), 4 * count))[0][:count]
    return [
        LabelledTweet(
            TweetInput(
                tweet.text,
                tweet.posted_at,
                photos_count=tweet.photos_count,
                has_video=tweet.has_video,
                is_quote_tweet=tweet.is_quote,
            ),
            tweet.like_count,
            tweet.like_count > 0,
        )
        for tweet in kept
    ]


def untrained_model(
    layers: int | None = TrainerSettings.model_fields["encoder_layers"].default,
) -> TrainedModel:
    """The default architecture at its real size, before any training; without `layers` the whole encoder."""
    base = find_base_model(DEFAULT_BASE_MODEL)
    network = ViralityNetwork(base.load_encoder(layers), len(FEATURES))
    network.boosted = _grown_on_chance()
    return TrainedModel(
        network=network.eval(),
        tokenizer=base.load_tokenizer(TrainerSettings.model_fields["max_tokens"].default),
        scaling=FeatureScaling(names=FEATURES, mean=(0.0,) * len(FEATURES), scale=(1.0,) * len(FEATURES)),
        calibration=Calibration(),
        max_tokens=TrainerSettings.model_fields["max_tokens"].default,
        likes_threshold=0,
        base_model=base.name,
        base_model_source=base.source,
        training=make_summary(),
    )


def _grown_on_chance() -> BoostedText:
    chance = np.random.default_rng(1)
    inputs = chance.normal(size=(5000, len(FEATURES) + 1)).astype(np.float32)
    own, author = np.split(inputs, [len(TWEET_FEATURES) + 1], axis=1)
    return BoostedText(
        Trees.from_scikit_learn(grow_trees(inputs, chance.random(len(inputs)) < 0.5, seed=1)),
        Trees.from_scikit_learn(grow_like_trees(author, inputs[:, 0], seed=1)),
        Trees.from_scikit_learn(grow_like_trees(own, inputs[:, 1], seed=1, leaves=8)),
    )


def _raw_tweets(count: int) -> Iterator[RawTweet]:
    if ARCHIVE.exists():
        return read_tweets(ARCHIVE, BadRows())
    source = SimulatedSource(seed=1, first_day=None, days=1, batch_size=count)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return source.search(today - timedelta(days=1), today)
