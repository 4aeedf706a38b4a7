"""The page opens anywhere, says what it shows, and believes no text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import numpy as np
import pytest
from viral_common.stores.tweet_columns import DescribedTweet
from viral_trainer.eda.page import render_page
from viral_trainer.eda.sources import Piece, ReportTweets
from viral_trainer.eda.topics.drift import compare_with_before

from tests.factories import START, make_columns, make_described, make_described_tweet, make_some_columns

HOSTILE = (
    "</title><script>alert(1)</script>\"'><img src=http://evil.example/x onerror=alert(2)>{{ 7*7 }} $x^2$"
)
VOID = {"meta", "br", "img", "link", "input"}


class Elements(HTMLParser):
    """Every element with its attributes; the text; what was not closed as it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.all if attribute in attrs]


def render_html(described: ReportTweets) -> str:
    return render_page(described, compare_with_before(described))


@pytest.fixture(scope="module")
def html() -> str:
    return render_html(make_described(before=make_some_columns(seed=8)))


@pytest.fixture(scope="module")
def window_html() -> str:
    columns = make_some_columns()
    batches = (np.arange(len(columns)) >= 100).astype(np.int64)
    pieces = [Piece(f"batch {n}", START + timedelta(days=n), START + timedelta(days=n + 1)) for n in range(2)]
    described = make_described(replace(columns, batches=batches), source="simulated")
    return render_html(replace(described, pieces=pieces))


def test_the_page_needs_nothing_else(html: str) -> None:
    elements = Elements(html)

    ids = elements.values("id")
    assert not {"script", "link", "img", "iframe", "object", "embed"} & {tag for tag, _ in elements.all}
    assert elements.values("src") == []
    assert {target[1:] for target in elements.values("href")} <= set(ids)
    assert all(target.startswith("#") for target in elements.values("href"))
    assert not re.search(r"@import|url\((?!#)|https?://", html)
    assert len(html.encode()) < 1_500_000


def test_the_page_is_sound(html: str) -> None:
    elements = Elements(html)

    assert html.startswith('<!doctype html>\n<html lang="en">')
    assert elements.open == []
    assert [one for one, count in Counter(elements.values("id")).items() if count > 1] == []
    clips = {name for value in elements.values("clip-path") for name in re.findall(r"#([\w-]+)", value)}
    assert clips <= set(elements.values("id"))


def test_every_plot_has_its_figures_and_speaks_the_pages_colours(html: str) -> None:
    figures = html.split("<figure")[1:]

    assert len(figures) > 10
    for figure in figures:
        figure = figure.partition("</figure>")[0]
        assert "<svg" in figure
        assert "<tbody>" in figure
        assert len(re.findall(r"<p>[^<]{20,}</p>", figure)) == 1, "a sentence says what it shows"
        assert not re.search(r"(fill|stroke): #(?!000000)", figure)
        assert "font-family" not in figure


@pytest.mark.filterwarnings("error")
def test_texts_are_texts() -> None:
    tweets = [
        make_described_tweet(f"{HOSTILE} {n}", n % 2, author=f"a{n}", language=HOSTILE) for n in range(80)
    ]
    tweets += [make_described_tweet("plain", 1, author=f"a{n}") for n in range(40)]
    described = replace(make_described(make_columns(tweets)), query=HOSTILE, left_out={HOSTILE: 3})

    elements = Elements(render_html(described))

    assert not {"script", "img"} & {tag for tag, _ in elements.all}
    assert not [name for _, attrs in elements.all for name in attrs if name.startswith("on")]
    assert HOSTILE in elements.texts, "the query is shown as it is"


def test_nobody_is_named() -> None:
    tweets = [
        make_described_tweet(f"hello @friend{n % 12} again", n % 2, author=f"author{n % 12}")
        for n in range(200)
    ]

    text = render_html(make_described(make_columns(tweets)))

    assert "friend" not in text
    assert "author1" not in text


def test_simulated_tweets_are_marked(html: str, window_html: str) -> None:
    assert "Simulated data." in window_html
    assert "Simulated data." not in html


def test_a_window_also_shows_its_batches(window_html: str) -> None:
    assert "Batch by batch" in window_html
    assert "1 Jan 2026 to 2 Jan 2026" in window_html


def test_sentences_follow_the_data() -> None:
    columns = make_columns([make_described_tweet(f"t{n}", likes=12 if n < 30 else 0) for n in range(120)])
    described = replace(make_described(columns), likes_threshold=10)

    text = render_html(described)

    assert "25.0% of the 120 tweets have more than 10 likes" in text
    assert "75.0% of the tweets have none. Half have at most 0, one in ten more than 12" in text
    assert "There is no earlier batch to compare with." in text


def test_with_one_class_no_hour_is_called_better() -> None:
    tweets = [make_described_tweet(f"t{n}", 1, at=START + timedelta(hours=n % 72)) for n in range(72 * 30)]
    columns = make_columns(sorted(tweets, key=lambda tweet: tweet.input.created_at))

    assert "With one class only, no hour is better" in render_html(make_described(columns))


ODD_WORDS = "مرحبا 日本語 漢字 ok👍🏽ok"


@pytest.mark.parametrize(
    "tweets",
    [
        [make_described_tweet("", 0)],
        [make_described_tweet(f"all viral {n}", 1 + n, author="one") for n in range(40)],
        [make_described_tweet(ODD_WORDS * (n % 2) * 200, n % 2, author=str(n)) for n in range(80)],
    ],
    ids=["one empty text", "one class and author", "long texts of all scripts"],
)
@pytest.mark.filterwarnings("error")
def test_odd_tweets_make_a_sound_page(tweets: list[DescribedTweet]) -> None:
    columns = make_columns(tweets)

    html = render_html(make_described(columns, before=columns))

    assert Elements(html).open == []
    assert not re.search(r"\bnan\b", html)
