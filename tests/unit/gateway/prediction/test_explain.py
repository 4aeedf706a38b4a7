"""Leave one word out."""

from __future__ import annotations

import pytest
from viral_common.tweets.features import TweetInput
from viral_gateway.prediction.explain import WORDS_PER_CALL, WORDS_PER_TWEET, Explanations, find_words

from tests.unit.gateway.fakes import NOON, FakeModel


def test_words_carry_their_place_in_the_text() -> None:
    text = "  🎉 two\nwörds "

    words = find_words(text, 10)

    assert [word.text for word in words] == ["🎉", "two", "wörds"]
    assert all(text[word.start : word.end] == word.text for word in words)


def test_every_variant_lacks_one_word_and_nothing_else() -> None:
    tweet = TweetInput("a b b", NOON, photos_count=3)

    batch = Explanations.from_tweets([tweet]).build_batch()

    assert [variant.text for variant in batch] == ["a b b", " b b", "a  b", "a b "]
    assert all(variant.photos_count == 3 for variant in batch)


def test_weights_go_back_to_their_own_tweet() -> None:
    tweets = [TweetInput("good", NOON), TweetInput("", NOON), TweetInput("so bad", NOON)]
    explanations = Explanations.from_tweets(tweets)

    weights = explanations.compute_weights(FakeModel().predict(explanations.build_batch()).tolist())

    assert [[found.weight for found in tweet] for tweet in weights] == [
        [pytest.approx(0.2)],
        [],
        [pytest.approx(0), pytest.approx(-0.2)],
    ]


@pytest.mark.parametrize("tweets", [1, 40, 256])
def test_long_texts_and_large_calls_stay_bounded(tweets: int) -> None:
    explanations = Explanations.from_tweets([TweetInput("word " * 800, NOON)] * tweets)

    assert len(explanations.words[0]) <= WORDS_PER_TWEET
    assert len(explanations.build_batch()) <= tweets + WORDS_PER_CALL
