"""Read the tweets one training sees: of the new batch and of those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from viral_common.database.tables import Batch
from viral_common.evaluation.scores import explain_shortage
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.tweet import LabelledTweet, stack_labels

from viral_trainer.settings import TrainerSettings


@dataclass(frozen=True)
class Window:
    """Hold batches, oldest first, and their mature tweets in time order."""

    batches: list[Batch]
    train: list[LabelledTweet]
    validation: list[LabelledTweet]

    @classmethod
    def from_tweets(cls, train: Sequence[LabelledTweet], validation: Sequence[LabelledTweet]) -> Window:
        """Make a window of tweets that belong to no stored batch; both in time order."""
        first, last = train[0].input.created_at, train[-1].input.created_at
        batch = Batch(id=UUID(int=0), source="archive", window_from=first, window_to=last)
        return cls([batch], [*train], [*validation])

    @property
    def viral_rate(self) -> float:
        """The share of the training tweets above the threshold."""
        return sum(tweet.viral for tweet in self.train) / len(self.train)


def read_window(tweets: TweetStore, batch: Batch, settings: TrainerSettings) -> Window:
    """Read the sliding window that ends with `batch`."""
    batches = tweets.find_window(batch, settings.window_batches)
    ids = [one.id for one in batches]
    by_split = tweets.read_labelled_by_split(ids, ("train", "validation"), settings.label_rule)
    return Window(batches, train=by_split["train"], validation=by_split["validation"])


def find_obstacle(window: Window, settings: TrainerSettings) -> str | None:
    """Find the reason why nothing can be learned from the window, in one sentence for people."""
    found, needed = len(window.train), settings.min_train_tweets
    if found < needed:
        return f"{found} labelled tweets to train on, {needed} are needed (VIRAL_MIN_TRAIN_TWEETS)"
    for name, tweets in (("train", window.train), ("validation", window.validation)):
        if not tweets:
            return f"no labelled tweets in the {name} split"
        if lack := explain_shortage(stack_labels(tweets), name, settings.likes_threshold):
            return lack
    return None
