"""Everybody learns from the same tweets, and nobody from those that judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from viral_common.errors import UsageError
from viral_common.tweets.features import AuthorHistory
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet
from viral_trainer.compare.parts import Known, SplitBy, hide, split_tweets

from tests.factories import make_labelled_tweets

TWEETS = make_labelled_tweets(600)
SPLITS: tuple[SplitBy, ...] = ("time", "random")


def list_texts(tweets: Sequence[LabelledTweet]) -> list[str]:
    return [tweet.input.text for tweet in tweets]


def test_by_time_nothing_is_learned_from_later_tweets() -> None:
    parts = split_tweets(TWEETS, "time", seed=7, likes_threshold=0)

    first_judged = min(tweet.input.created_at for tweet in parts.test)

    assert len(parts.test) == 120
    assert all(tweet.input.created_at < first_judged for tweet in parts.learned)


def test_at_random_a_fifth_judges_the_same_for_a_seed() -> None:
    parts = split_tweets(TWEETS, "random", seed=7, likes_threshold=0)
    again = split_tweets(TWEETS, "random", seed=7, likes_threshold=0)
    another = split_tweets(TWEETS, "random", seed=8, likes_threshold=0)

    assert len(parts.test) == 120
    assert parts == again
    assert list_texts(parts.test) != list_texts(another.test)
    assert list_texts(parts.test) != list_texts(TWEETS[-120:])


@pytest.mark.parametrize("how", SPLITS)
def test_each_tweet_has_one_part_and_parts_are_in_time_order(how: SplitBy) -> None:
    parts = split_tweets(TWEETS, how, seed=7, likes_threshold=0)

    assert sorted(list_texts([*parts.train, *parts.validation, *parts.test])) == sorted(list_texts(TWEETS))
    for part in (parts.train, parts.validation, parts.test):
        times = [tweet.input.created_at for tweet in part]
        assert times == sorted(times)


@pytest.mark.parametrize("how", SPLITS)
def test_copies_never_stand_on_both_sides_of_train_and_validation(how: SplitBy) -> None:
    copies = [
        replace(
            tweet, input=replace(tweet.input, text=f"{TWEETS[place % 200].input.text} https://t.co/{place}")
        )
        for place, tweet in enumerate(TWEETS)
    ]

    parts = split_tweets(copies, how, seed=7, likes_threshold=0)

    trained, validated = (
        {compute_copy_hash(text) for text in list_texts(part)} for part in (parts.train, parts.validation)
    )
    assert not trained & validated
    assert 0.05 < len(parts.validation) / len(parts.learned) < 0.3


PROFILE = AuthorProfile(followers=70, posts=9, created_at=TWEETS[0].input.created_at)


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ("all", ("ada", AuthorHistory(3, 2, 1, 0.7), PROFILE)),
        ("followers", (None, None, AuthorProfile(followers=70))),
        ("no author", (None, None, None)),
        ("followers alone", (None, None, AuthorProfile(followers=70))),
    ],
)
def test_hidden_authors_leave_nothing_but_what_is_to_be_known_of_them(known: Known, left: object) -> None:
    by_ada = {"username": "ada", "author": AuthorHistory(3, 2, 1, 0.7), "profile": PROFILE}
    named = [replace(tweet, input=replace(tweet.input, **by_ada)) for tweet in TWEETS]  # type: ignore[arg-type]

    parts = split_tweets(named, "time", seed=7, likes_threshold=0).hide(known)

    everyone = [tweet.input for tweet in (*parts.learned, *parts.test)]
    assert {(tweet.username, tweet.author, tweet.profile) for tweet in everyone} == {left}
    assert {tweet.content_known for tweet in everyone} == {known != "followers alone"}


def test_an_author_of_unknown_followers_has_no_profile_where_only_those_are_to_be_known() -> None:
    tweet = replace(TWEETS[0].input, profile=AuthorProfile(posts=9))

    assert hide(tweet, "followers").profile is None


def test_too_few_tweets_are_the_person_s_mistake() -> None:
    with pytest.raises(UsageError, match="99 tweets are too few to compare on, 100 are needed"):
        split_tweets(TWEETS[:99], "time", seed=7, likes_threshold=0)


@pytest.mark.parametrize("how", SPLITS)
def test_tweets_of_one_class_are_the_person_s_mistake(how: SplitBy) -> None:
    quiet = [replace(tweet, viral=False) for tweet in TWEETS]

    with pytest.raises(
        UsageError, match=r"0 of \d+ train tweets have more than 10 likes, .* another --threshold"
    ):
        split_tweets(quiet, how, seed=7, likes_threshold=10)
