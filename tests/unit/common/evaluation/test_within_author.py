"""One author's tweets are told apart by what is in them, never by what came of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from viral_common.evaluation import within_author
from viral_common.evaluation.within_author import compute_within_author, find_pairs, freeze_authors
from viral_common.tweets.features import AuthorHistory, TweetInput
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import LabelledTweet

from tests.factories import START


def make_tweet(author: str, day: float, likes: int, viral: bool | None = None) -> LabelledTweet:
    """Its history and its profile say which day it is."""
    known = AuthorHistory(tweets=int(day)), AuthorProfile(followers=int(day))
    tweet = TweetInput(f"{likes} likes", START + timedelta(days=day), username=author)
    return LabelledTweet(
        replace(tweet, author=known[0], profile=known[1]),
        likes,
        likes > 0 if viral is None else viral,
        author,
    )


def make_authors(count: int, likes: Sequence[int] = (0, 1)) -> list[LabelledTweet]:
    """Authors of one tweet a day each."""
    return [make_tweet(f"author {one}", day, many) for one in range(count) for day, many in enumerate(likes)]


def list_pairs(tweets: Sequence[LabelledTweet], figure: str) -> set[tuple[int, int]]:
    return {
        (int(one), int(other))
        for name, better, worse in find_pairs(tweets)
        if name == figure
        for one, other in zip(better, worse, strict=True)
    }


def rate_likes(tweets: Sequence[LabelledTweet]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(tweet.like_count) for tweet in tweets])


def test_a_pair_is_of_one_author_at_most_a_week_apart_one_liked_and_one_not() -> None:
    tweets = [
        make_tweet("ada", 8, 0),
        make_tweet("ada", 1, 3),
        make_tweet("ada", 0.9, 0),
        make_tweet("bob", 1, 0),
        make_tweet("", 1, 0),
        make_tweet("", 1, 1),
        make_tweet("ada", 30, 1),
    ]

    assert list_pairs(tweets, "within_author") == {(1, 0), (1, 2)}


def test_large_authors_have_pairs_of_which_one_has_twice_the_likes() -> None:
    tweets = [make_tweet("ada", day, likes) for day, likes in enumerate((10, 20, 39, 80))]
    small = [make_tweet("bob", day, likes) for day, likes in enumerate((1, 19, 20))]

    assert list_pairs([*tweets, *small], "within_large") == {(1, 0), (2, 0), (3, 0), (3, 1), (3, 2)}


def test_all_tweets_of_an_author_are_shown_with_what_was_known_at_the_earliest() -> None:
    tweets = [
        make_tweet("ada", 3, 1),
        make_tweet("ada", 2, 0),
        make_tweet("ada", 40, 0),
        make_tweet("bob", 1, 0),
    ]

    frozen = freeze_authors(tweets)

    assert [one.input.text for one in frozen] == ["1 likes", "0 likes", "0 likes"]
    assert {(one.input.author, one.input.profile) for one in frozen} == {
        (AuthorHistory(tweets=2), AuthorProfile(followers=2))
    }
    assert [one.input.created_at for one in frozen] == [one.input.created_at for one in tweets[:3]]


def test_the_figure_is_the_share_of_pairs_in_the_right_order_and_ties_are_half() -> None:
    tweets = make_authors(30, likes=(0, 1))
    likes = rate_likes(tweets)

    right, wrong, equal = (compute_within_author(tweets, scores) for scores in (likes, -likes, 0 * likes))

    assert [one["within_author_auc"] for one in (right, wrong, equal)] == [1, 0, 0.5]
    assert right["within_author_authors"] == 30


def test_an_author_of_many_tweets_weighs_as_much_as_one_of_two() -> None:
    busy = [make_tweet("busy", place / 100, place % 2) for place in range(200)]
    tweets = [*busy, *make_authors(99)]
    scores = rate_likes(tweets)
    scores[:200] *= -1

    figures = compute_within_author(tweets, scores)

    assert figures["within_author_auc"] == pytest.approx(0.99)


def test_few_authors_say_nothing() -> None:
    tweets = make_authors(19)

    assert compute_within_author(tweets, rate_likes(tweets)) == {}
    assert compute_within_author([], np.array([])) == {}
    assert freeze_authors([]) == []


def test_large_authors_are_judged_by_expected_likes_where_a_model_gives_them() -> None:
    tweets = make_authors(25, likes=(20, 50))

    figures = compute_within_author(tweets, -rate_likes(tweets), log_likes=rate_likes(tweets))

    assert figures["within_large_auc"] == 1
    assert "within_author_auc" not in figures


def test_most_intervals_hold_what_all_authors_would_show() -> None:
    """Of 60 authors each, whose pairs are ranked right in 0.6 on average, by some often and by some seldom."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        tweets = make_authors(60, likes=(0, 1, 0, 1))
        skill = np.repeat(rng.beta(3, 2, 60), 4)
        scores = rate_likes(tweets) * np.where(rng.random(240) < skill, 1, -1) + rng.normal(
            scale=1e-6, size=240
        )
        figures = compute_within_author(tweets, scores)
        covered += figures["within_author_auc_low"] <= 0.6 <= figures["within_author_auc_high"]

    assert 85 <= covered <= 100


def test_the_memory_does_not_grow_with_an_author_s_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    tweets = [make_tweet("busy", place / 1000, place % 2) for place in range(400)]
    whole = list_pairs(tweets, "within_author")
    monkeypatch.setattr(within_author, "_AT_ONCE", 1000)

    blocks = [len(better) for _, better, _ in find_pairs(tweets)]

    assert max(blocks) <= 1000
    assert list_pairs(tweets, "within_author") == whole
    assert len(whole) == 200 * 200
