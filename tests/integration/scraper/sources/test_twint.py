"""Test Twint against servers that are not what twitter.com was."""

from __future__ import annotations

import pytest
from viral_common.errors import UsageError
from viral_scraper.sources.twint import TwintSource

from tests.integration.scraper.sources.expected_posts import MIN_AGE, make_posts
from tests.integration.scraper.sources.harnesses import find_day
from tests.integration.scraper.sources.http_server import Answer, serve

DAY = find_day(make_posts())
ALTERNATIVES = "set VIRAL_SOURCE to x .*, bluesky or mastodon .*, or archive"


@pytest.mark.parametrize(
    "answer", [Answer(404, "<html>Page not found</html>"), Answer(200, {"errors": [{"code": 34}]})]
)
def test_what_x_answers_today_is_one_sentence_with_the_reason_and_the_alternatives(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    with serve(lambda _: answer) as served:
        monkeypatch.setattr("twint.url.base", f"{served.url}/i")

        with pytest.raises(
            UsageError, match=f"X closed the pages that it reads in April 2023; {ALTERNATIVES}"
        ):
            list(TwintSource("tea", MIN_AGE, lambda _: None).search(*DAY))

    assert len(served.requests) == 3


def test_no_connection_at_all_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twint.url.base", "http://127.0.0.1:9/i")

    with pytest.raises(UsageError, match=f"no connection.*{ALTERNATIVES}"):
        list(TwintSource("tea", MIN_AGE, lambda _: None).search(*DAY))


def test_an_empty_page_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Answer(200, {"min_position": None, "has_more_items": False, "items_html": ""})
    with serve(lambda _: empty) as served:
        monkeypatch.setattr("twint.url.base", f"{served.url}/i")

        assert list(TwintSource("tea", MIN_AGE, lambda _: None).search(*DAY)) == []
