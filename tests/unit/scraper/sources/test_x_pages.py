"""Test how an answer of X is read: no post may pass for deleted, and authors come with it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from viral_scraper.sources.retries import SourceAway
from viral_scraper.sources.x.api import Page

from tests.fuzz.archives import make_x_page


@pytest.mark.parametrize("counts", [7, [1], "many", {"like_count": "many"}, None])
def test_counts_of_another_shape_are_asked_for_again(counts: Any) -> None:
    page = Page.model_validate({"data": [{"id": "1", "public_metrics": counts}]})

    with pytest.raises(SourceAway, match="X's counts cannot be read"):
        list(page.read_engagements())


def test_an_author_s_counts_were_read_when_the_likes_were() -> None:
    page = make_x_page(3)
    page["includes"]["users"][0]["public_metrics"]["listed_count"] = -1
    bad = Counter[str]()

    (tweet,) = Page.model_validate(page).read_tweets(bad)

    assert tweet.profile is not None
    assert (tweet.profile.followers, tweet.profile.listed) == (3, None)
    assert tweet.profile.read_at == tweet.counts_observed_at is not None
    assert bad == {"author's listed negative, absurd or no whole number: taken as unknown": 1}


def test_without_authors_in_the_answer_their_counts_are_unknown() -> None:
    page = make_x_page(3)
    del page["includes"]["users"]

    assert [tweet.profile for tweet in Page.model_validate(page).read_tweets(Counter())] == [None]
