"""What if the tweet were a little different."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from viral_common.tweets.features import TweetInput
from viral_gateway.pages.what_if_chart import WhatIfView
from viral_gateway.prediction.predict import Prediction
from viral_gateway.prediction.what_if import HOURS, WhatIf

from tests.unit.gateway.fakes import NOON


def test_a_tweet_is_tried_at_each_of_the_next_hours() -> None:
    what_if = WhatIf.from_tweet(TweetInput("hi", NOON))

    assert [tweet.created_at - NOON for tweet in what_if.hours] == [timedelta(hours=n) for n in range(HOURS)]


@pytest.mark.parametrize(
    ("tweet", "names"),
    [
        (TweetInput("hi", NOON), ["With a photo"]),
        (TweetInput("see https://a.com now", NOON), ["Without the link", "With a photo"]),
        (
            TweetInput("https://a.com www.b.com", NOON, photos_count=1),
            ["Without its links", "Without the photo"],
        ),
        (TweetInput("hi", NOON, photos_count=2, has_video=True), ["Without its photos", "Without the video"]),
    ],
)
def test_only_what_applies_is_changed(tweet: TweetInput, names: list[str]) -> None:
    assert list(WhatIf.from_tweet(tweet).changes) == names


def test_a_link_is_taken_out_and_nothing_else() -> None:
    [without, _] = WhatIf.from_tweet(
        TweetInput("see https://a.com now", NOON, username="ada")
    ).changes.values()

    assert without.text.split() == ["see", "now"]
    assert without.username == "ada"


def test_the_end_of_the_calendar_is_no_fault() -> None:
    at = datetime(9999, 12, 31, 20, tzinfo=UTC)

    assert WhatIf.from_tweet(TweetInput("hi", at)).hours[-1].created_at == at


def test_the_best_hour_and_what_it_adds() -> None:
    view = make_view([0.4, 0.5, 0.6] + [0.3] * 21, with_a_photo=0.45)

    assert view.best
    assert view.best.at == NOON + timedelta(hours=2)
    assert view.gain == "+20.0"
    assert [(row.name, row.points) for row in view.rows] == [("As it is", ""), ("With a photo", "+5.0")]
    assert [number for number, column in enumerate(view.columns) if column.best] == [2]


def test_where_the_hours_are_alike_none_is_the_best() -> None:
    assert make_view([0.4] * 23 + [0.4001], with_a_photo=0.4).best is None


def test_hours_are_drawn_from_zero_so_that_small_differences_look_small() -> None:
    view = make_view([0.4, 0.5] + [0.1] * 22, with_a_photo=0.4)

    assert [column.height for column in view.columns[:3]] == [32, 40, 8]


def test_hours_without_a_chance_have_no_height() -> None:
    assert {column.height for column in make_view([0.0] * 24, with_a_photo=0.0).columns} == {0}


def make_view(hours: list[float], with_a_photo: float) -> WhatIfView:
    tweet = TweetInput("hi", NOON)
    outcome = WhatIf.from_tweet(tweet).compute_outcome(iter([*hours, with_a_photo]))
    return WhatIfView.from_prediction(Prediction(tweet, hours[0], False, [], outcome))
