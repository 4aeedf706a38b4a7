"""When nothing can be learned, the reason is a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from viral_common.tweets.tweet import LabelledTweet
from viral_trainer.data.window import Window, find_obstacle
from viral_trainer.settings import TrainerSettings

from tests.factories import make_labelled_tweets

TWEETS = make_labelled_tweets(300)
LIKED = [replace(tweet, viral=True) for tweet in TWEETS]
IGNORED = [replace(tweet, viral=False) for tweet in TWEETS]

TOO_FEW = (
    "have more than 0 likes, at least 10 with and as many without are needed "
    "(VIRAL_LIKES_THRESHOLD, VIRAL_BATCH_SIZE)"
)


@pytest.fixture
def settings() -> TrainerSettings:
    servers = {"database_url": "postgresql://u:p@127.0.0.1/d", "rabbitmq_url": "amqp://u:p@127.0.0.1/"}
    return TrainerSettings.model_validate(servers)


@pytest.mark.parametrize(
    ("train", "validation", "reason"),
    [
        (TWEETS[:199], TWEETS, "199 labelled tweets to train on, 200 are needed (VIRAL_MIN_TRAIN_TWEETS)"),
        (LIKED, TWEETS, f"300 of 300 train tweets {TOO_FEW}"),
        (IGNORED + LIKED[:9], TWEETS, f"9 of 309 train tweets {TOO_FEW}"),
        (TWEETS, IGNORED[:40], f"0 of 40 validation tweets {TOO_FEW}"),
        (TWEETS, [], "no labelled tweets in the validation split"),
        (TWEETS, TWEETS, None),
    ],
)
def test_what_stands_in_the_way(
    settings: TrainerSettings, train: list[LabelledTweet], validation: list[LabelledTweet], reason: str | None
) -> None:
    assert find_obstacle(Window([], train, validation), settings) == reason
