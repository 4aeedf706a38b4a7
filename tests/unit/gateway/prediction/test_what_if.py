"""What if the tweet were a little different."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from viral_common.tweets.features import TweetInput
from viral_gateway.prediction.noise import Scored
from viral_gateway.prediction.what_if import HOURS, Outcome, WhatIf

from tests.unit.gateway.fakes import NOON, make_spec


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


def test_the_best_hour_and_what_each_change_makes_of_the_probability() -> None:
    outcome = make_outcome([0.4, 0.5, 0.6] + [0.3] * 21, with_a_photo=0.405)

    assert outcome.best
    assert outcome.best.at == NOON + timedelta(hours=2)
    assert outcome.changes == [("With a photo", 0.405, False), ("Posted at the best hour", 0.6, True)]


def test_where_the_hours_are_alike_none_is_the_best() -> None:
    assert make_outcome([0.4] * 23 + [0.4001], with_a_photo=0.4).best is None


def test_now_is_no_change() -> None:
    outcome = make_outcome([0.4] + [0.3] * 23, with_a_photo=0.4)

    assert outcome.best == outcome.hours[0]
    assert [name for name, *_ in outcome.changes] == ["With a photo"]


def make_outcome(hours: list[float], with_a_photo: float) -> Outcome:
    scores = iter(map(Scored, [*hours, with_a_photo]))
    return WhatIf.from_tweet(TweetInput("hi", NOON)).compute_outcome(scores, make_spec())
