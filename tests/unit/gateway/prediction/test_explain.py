"""Leave one word out."""

from __future__ import annotations

import pytest
from viral_common.tweets.features import TweetInput
from viral_common.tweets.profile import AuthorProfile
from viral_gateway.prediction.explain import WORDS_PER_CALL, WORDS_PER_TWEET, Explanations, find_words
from viral_gateway.prediction.noise import Scored

from tests.unit.gateway.fakes import NOON, FakeModel, make_spec


def test_words_carry_their_place_in_the_text() -> None:
    text = "  🎉 two\nwörds "

    words = find_words(text, 10)

    assert [word.text for word in words] == ["🎉", "two", "wörds"]
    assert all(text[word.start : word.end] == word.text for word in words)


def test_every_variant_lacks_one_word_and_nothing_else() -> None:
    tweet = TweetInput("a b b", NOON, photos_count=3)

    [whole, _, *batch] = Explanations.from_tweets([tweet]).build_batch()

    assert whole == tweet
    assert [variant.text for variant in batch] == [" b b", "a  b", "a b "]
    assert all(variant.photos_count == 3 for variant in batch)


def test_the_usual_is_asked_of_the_same_account_with_the_content_hidden() -> None:
    tweet = TweetInput("a b b", NOON, username="ada", profile=AuthorProfile(followers=7))

    usual = Explanations.from_tweets([tweet]).build_batch()[1]

    assert (usual.text, usual.content_known) == ("", False)
    assert (usual.username, usual.profile) == (tweet.username, tweet.profile)


def test_weights_go_back_to_their_own_tweet() -> None:
    tweets = [TweetInput("good", NOON), TweetInput("", NOON), TweetInput("so bad", NOON)]
    explanations = Explanations.from_tweets(tweets)

    scores = iter(map(Scored, FakeModel().predict(explanations.build_batch()).tolist()))
    explained = explanations.compute_explanations(scores, make_spec())

    assert [[found.weight for found in tweet.weights] for tweet in explained] == [
        [pytest.approx(0.2)],
        [],
        [pytest.approx(0), pytest.approx(-0.2)],
    ]
    assert [[found.clear for found in tweet.weights] for tweet in explained] == [[True], [], [False, True]]
    assert [(tweet.usual, tweet.clear) for tweet in explained] == [(0.5, True), (0.5, False), (0.5, True)]
    assert next(scores, None) is None


@pytest.mark.parametrize("tweets", [1, 40, 256])
def test_long_texts_and_large_calls_stay_bounded(tweets: int) -> None:
    explanations = Explanations.from_tweets([TweetInput("word " * 800, NOON)] * tweets)

    assert len(explanations.words[0]) <= WORDS_PER_TWEET
    assert len(explanations.build_batch()) <= 2 * tweets + WORDS_PER_CALL
