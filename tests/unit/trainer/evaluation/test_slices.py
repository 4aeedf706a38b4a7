from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from viral_common.tweets.features import AuthorHistory, TweetInput
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import LabelledTweet
from viral_trainer.evaluation.slices import score_slices

from tests.factories import draw_tweets

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLAIN = TweetInput("one two three", NOON)


def find_kinds(*tweets: TweetInput) -> dict[str, str]:
    """The kind of each cut that these tweets, all alike, belong to."""
    labelled = [LabelledTweet(tweet, 0, viral=False) for tweet in tweets]
    return {found.of: found.name for found in score_slices(labelled, np.full(len(tweets), 0.5))}


def test_a_tweet_belongs_to_one_kind_of_each_cut() -> None:
    assert find_kinds(PLAIN) == {
        "hour (UTC)": "12 to 17",
        "words": "under 15",
        "media": "none",
        "author": "unknown",
        "followers": "unknown",
    }


@pytest.mark.parametrize(
    ("change", "of", "kind"),
    [
        ({"created_at": datetime.fromisoformat("2026-11-23T01:00:00+02:00")}, "hour (UTC)", "18 to 23"),
        ({"text": "word " * 15}, "words", "15 to 30"),
        ({"text": "word " * 31}, "words", "over 30"),
        ({"text": "https://example.org/ " * 30}, "words", "under 15"),
        ({"photos_count": 2}, "media", "photo"),
        ({"has_video": True}, "media", "video"),
        ({"author": AuthorHistory()}, "author", "never seen before"),
        ({"author": AuthorHistory(tweets=1)}, "author", "seen before"),
        ({"profile": AuthorProfile(posts=5)}, "followers", "unknown"),
        ({"profile": AuthorProfile(followers=99)}, "followers", "under 100"),
        ({"profile": AuthorProfile(followers=100)}, "followers", "100 to 999"),
        ({"profile": AuthorProfile(followers=10_000)}, "followers", "10,000 and more"),
    ],
)
def test_the_kinds_follow_from_the_tweet(change: dict[str, object], of: str, kind: str) -> None:
    assert find_kinds(replace(PLAIN, **change))[of] == kind  # type: ignore[arg-type]


def test_the_figures_of_a_kind_are_of_its_tweets_alone() -> None:
    labels, probabilities = draw_tweets(400, seed=1)
    sure = np.where(np.arange(400) < 200, probabilities, labels)  # photos: calibrated, videos: all right
    tweets = [
        LabelledTweet(replace(PLAIN, photos_count=int(row < 200), has_video=row >= 200), 0, bool(viral))
        for row, viral in enumerate(labels)
    ]

    found = {one.name: one for one in score_slices(tweets, sure) if one.of == "media"}

    assert set(found) == {"photo", "video"}
    assert found["video"].auc == 1
    assert found["video"].stated_rate == found["video"].viral_rate == labels[200:].mean()
    photo = found["photo"]
    assert photo.count == 200
    assert photo.auc_low is not None
    assert photo.auc is not None
    assert photo.auc_high is not None
    assert 0.5 < photo.auc_low < photo.auc < photo.auc_high < 0.9


def test_a_kind_with_few_viral_tweets_has_no_auc() -> None:
    tweets = [LabelledTweet(PLAIN, 0, viral=row < 9) for row in range(500)]

    found = score_slices(tweets, np.linspace(0.9, 0.1, 500))

    assert {one.auc for one in found} == {one.auc_low for one in found} == {None}
    assert {one.viral_rate for one in found} == {0.018}
