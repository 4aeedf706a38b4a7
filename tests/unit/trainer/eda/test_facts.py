"""Facts of tweets whose answer is known beforehand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr
from sklearn.metrics import roc_auc_score
from viral_common.tweets.features import FEATURES
from viral_trainer.eda.page import render_page
from viral_trainer.eda.shares import (
    FEW,
    Share,
    compute_shares_by_name,
    compute_shares_by_steps,
    find_extremes,
)
from viral_trainer.eda.topics.authors import compute_authors
from viral_trainer.eda.topics.features import compute_signals
from viral_trainer.eda.topics.hours import compute_week
from viral_trainer.eda.topics.likes import compute_likes
from viral_trainer.eda.topics.selection import compute_copies
from viral_trainer.eda.topics.words import compute_words
from viral_trainer.eda.word_table import build_word_table, split_words

from tests.factories import START, make_columns, make_described, make_described_tweet, make_some_columns


@pytest.mark.parametrize(("viral", "tweets"), [(0, 5), (5, 5), (3, 10), (4_675, 10_000), (1, 1)])
def test_an_interval_is_wilsons(viral: int, tweets: int) -> None:
    known = binomtest(viral, tweets).proportion_ci(0.95, method="wilson")

    assert Share("", tweets, viral).interval == pytest.approx((known.low, known.high))


def test_groups_begin_at_the_steps_and_a_thin_end_is_joined() -> None:
    values = np.array([0] * 50 + [1] * 40 + [2] * 30 + [7] * (FEW - 1))
    viral = values > 0

    shares = compute_shares_by_steps(values, viral, (0, 1, 2, 5))

    assert [(one.label, one.tweets, one.viral) for one in shares] == [
        ("0", 50, 0),
        ("1", 40, 40),
        ("2+", 59, 59),
    ]


def test_names_come_by_frequency() -> None:
    names = np.array(["en", "de", "en"], dtype=object)

    assert [(one.label, one.tweets) for one in compute_shares_by_name(names, names == "en")] == [
        ("en", 2),
        ("de", 1),
    ]


def test_likes_fall_into_bins_that_double() -> None:
    likes = np.array([0, 0, 1, 2, 3, 4, 7, 8, 1023, 1024])

    found = compute_likes(likes, likes * 0, likes * 2)

    assert found.none == 2
    assert [one for one in found.bins if one[2]] == [
        (1, 1, 1),
        (2, 3, 2),
        (4, 7, 2),
        (8, 15, 1),
        (512, 1023, 1),
        (1024, 2047, 1),
    ]
    assert (found.of_likes.most, found.of_likes.none, found.of_likes.quantiles[1]) == (1024, 0.2, 3)
    assert [one.total for one in found.counts] == [2072, 0, 4144]


def test_a_features_signal_is_what_the_libraries_find() -> None:
    columns = make_some_columns()
    viral = columns.likes > 0

    signals = {one.name: one for one in compute_signals(columns.features, columns.likes, viral)}

    photos, known = signals["photos_count"], signals["author_known"]
    assert photos.auc == pytest.approx(roc_auc_score(viral, columns.get_feature("photos_count")))
    assert photos.spearman == pytest.approx(
        spearmanr(columns.get_feature("photos_count"), columns.likes).statistic
    )
    assert photos.error
    assert 0 < photos.error < 0.1
    assert (known.auc, known.spearman) == (None, None), "it is the same for all"
    assert next(iter(signals)) == "photos_count"


def test_a_feature_that_viral_tweets_never_have_tells_most() -> None:
    features = np.zeros((40, len(FEATURES)), np.float32)
    likes = np.repeat([0, 5], 20)
    features[:20, 3] = 1.0
    features[::3, 5] = 1.0

    strongest, *_ = compute_signals(features, likes, likes > 0)

    assert (strongest.name, strongest.auc, strongest.advantage) == (FEATURES[3], 0.0, -0.5)


def test_with_one_class_no_feature_tells_anything() -> None:
    columns = make_some_columns()

    signals = compute_signals(columns.features, columns.likes * 0, columns.likes < 0)

    assert {(one.auc, one.spearman) for one in signals} == {(None, None)}
    assert {one.name for one in signals} == set(FEATURES)


def test_hours_and_weekdays_are_utc() -> None:
    thursday = START.replace(hour=23)  # 1 January 2026
    columns = make_columns(
        [make_described_tweet(at=thursday), make_described_tweet(at=thursday + timedelta(hours=1))]
    )

    week = compute_week(columns.posted_at, np.array([True, False]))

    assert (week.get_cell(23, 3).label, week.get_cell(23, 3).viral) == ("Thursday 23:00", 1)
    assert (week.get_cell(0, 4).label, week.get_cell(0, 4).tweets) == ("Friday 00:00", 1)
    assert week.days == [3, 4]
    assert find_extremes(week.cells) is None, "too few tweets to compare"


def test_hours_that_differ_by_more_than_chance_are_told_from_those_that_do_not() -> None:
    rng = np.random.default_rng(7)
    times = np.datetime64("2026-01-05T00:00:00") + rng.integers(0, 7 * 24 * 3600, 20_000)
    night = times.astype("datetime64[h]").astype(int) % 24 < 6

    even = compute_week(times, rng.random(20_000) < 0.5).compute_p_value()
    uneven = compute_week(times, rng.random(20_000) < np.where(night, 0.6, 0.4)).compute_p_value()

    assert even is not None
    assert uneven is not None
    assert uneven < 0.001 < even


def test_authors_are_counted_by_how_much_they_post() -> None:
    authors = np.array([0, 1, 1, 2, 2, 2, 2, 2])
    earlier = np.array([0, 0, 1, 0, 1, 2, 3, 4])

    found = compute_authors(authors, earlier, earlier > 1)

    assert [(one.label, one.authors, one.tweets) for one in found.groups] == [
        ("1", 1, 1),
        ("2", 1, 2),
        ("5–9", 1, 5),
    ]
    assert (found.authors, found.busiest, found.by_busiest) == (3, 1, 5 / 8)
    assert (found.new.tweets, found.known.tweets, found.known.viral) == (3, 5, 3)


def test_copies_are_groups_of_one_text() -> None:
    found = compute_copies(np.array([1, 1, 1, 2, 3, 3]))

    assert (found.copied, found.groups, found.largest) == (5, 2, 3)


def test_words_are_neither_links_nor_mentions() -> None:
    text = "Oil! #OOTT via @someone’s https://example.org/oil www.gas.org don't GO, ＃日本語 oil impunity’"

    assert split_words(text) == ["oil", "#oott", "via", "don't", "#日本語", "impunity"]


def test_words_that_stand_out_are_named_and_what_few_people_say_is_not() -> None:
    liked = [make_described_tweet(f"great day {n}", 1, author=f"a{n % 20}") for n in range(60)]
    ignored = [make_described_tweet(f"dull day {n}", 0, author=f"a{n % 20}") for n in range(60)]
    personal = [make_described_tweet("buy secretword", 1, author=f"b{n % 3}") for n in range(60)]
    columns = make_columns(liked + ignored + personal)

    found = compute_words(build_word_table(columns.texts), columns.authors, columns.likes > 0)

    assert [one.label for one in found.liked] == ["great"]
    assert [one.label for one in found.ignored] == ["dull", "day"]
    assert found.different == 5


def test_a_single_tweet_makes_a_page_too() -> None:
    described = make_described(make_columns([make_described_tweet("🙂", 3)]))

    html = render_page(described, drift=None)

    assert "100.0% of the 1 tweet have at least one like" in html
    assert "Of 0 different words" in html
