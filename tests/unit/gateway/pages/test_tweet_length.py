"""The length of a tweet by twitter-text's rules; the expected figures are those of twitter-text 3.1.0."""

from __future__ import annotations

import pytest
from viral_gateway.pages.tweet_length import compute_tweet_length

from tests.unit.gateway.pages.lengths import LENGTHS


@pytest.mark.parametrize(("text", "length"), LENGTHS)
def test_a_tweet_is_as_long_as_twitter_says(text: str, length: int) -> None:
    assert compute_tweet_length(text) == length


@pytest.mark.parametrize(
    "text", ["a-" * 2000, "http://" + "a." * 1990, "http://a.com/" + "(a" * 1900, "a.com?" + "?" * 3900]
)
@pytest.mark.timeout(5)
def test_no_text_makes_counting_slow(text: str) -> None:
    assert compute_tweet_length(text) > 23
