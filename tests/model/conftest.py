"""Models trained as in production, once per test session, on invented and (where there are any) on real tweets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from viral_common.artefact.predictor import Predictor
from viral_common.database.tables import Batch
from viral_common.errors import UsageError
from viral_common.evaluation.scores import compute_scores
from viral_common.tweets.features import TweetInput
from viral_common.tweets.filters import filter_tweets
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet, RawTweet, stack_labels, take_inputs
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.sources.simulated import SimulatedSource
from viral_trainer.data.window import Window
from viral_trainer.model.base_model import BaseModel, find_base_model
from viral_trainer.model.export import export
from viral_trainer.settings import DEFAULT_BASE_MODEL, TrainerSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.conftest import TEST_DATA

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Subject:
    """A served model and the test tweets it has never seen."""

    predictor: Predictor
    test: list[LabelledTweet]

    def mean(self, tweets: Iterable[TweetInput]) -> float:
        return float(self.predictor.predict(list(tweets)).mean())

    def scores(self) -> dict[str, float]:
        return compute_scores(stack_labels(self.test), self.predictor.predict(take_inputs(self.test)))


@pytest.fixture(scope="session")
def base_model() -> BaseModel:
    try:
        return find_base_model(DEFAULT_BASE_MODEL)
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def simulated(base_model: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Trained on a simulated day."""
    first = date(2026, 1, 1)
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    source = SimulatedSource(seed=7, first_day=first, days=1, batch_size=6_000)
    tweets = source.search(midnight, midnight + DAY)
    return trained(source.name, tweets, base_model, tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def real(base_model: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Trained on 5,000 real tweets."""
    path = TEST_DATA / "ukraine_oil.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no real tweets at {path}; set VIRAL_TEST_DATA")
    folder = tmp_path_factory.mktemp("real")
    source = ArchiveSource(str(path), "", folder / "shards", lambda *_, **__: None)
    window = source.find_next_window(datetime(2022, 3, 1, tzinfo=UTC), 5_000)
    assert window is not None
    return trained(source.name, source.search(*window), base_model, folder)


def trained(name: str, tweets: Iterable[RawTweet], base: BaseModel, folder: Path) -> Subject:
    """Filter, split, fit, export and load."""
    kept, _ = filter_tweets(tweets)
    by_split: dict[str, list[LabelledTweet]] = {"train": [], "validation": [], "test": []}
    for tweet in kept:
        by_split[choose_split(compute_copy_hash(tweet.text))].append(labelled(tweet))
    batch = Batch(id=uuid4(), source=name, window_from=kept[0].posted_at, window_to=kept[-1].posted_at)
    window = Window([batch], by_split["train"], by_split["validation"])
    servers = {"database_url": "postgresql://u:p@127.0.0.1/d", "rabbitmq_url": "amqp://u:p@127.0.0.1/"}
    model, _ = fit(window, base, TrainerSettings.model_validate(servers), uuid4(), NoProgress())
    return Subject(Predictor.load(export(model, folder / "artefact")), by_split["test"])


def labelled(tweet: RawTweet) -> LabelledTweet:
    """As the store would label it."""
    one = TweetInput(
        tweet.text, tweet.posted_at, tweet.photos_count, tweet.has_video, tweet.is_quote, tweet.username
    )
    return LabelledTweet(one, tweet.like_count, tweet.like_count > 0)
