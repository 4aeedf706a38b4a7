"""The web form filled in and sent, as a browser without JavaScript does it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from markupsafe import escape
from starlette.testclient import TestClient
from viral_common.tweets.profile import AuthorProfile
from viral_gateway.pages.form import EXAMPLES
from viral_gateway.prediction.batching import QueueFull, Scoring

from tests.unit.gateway.fakes import FakeGateway


def test_why_and_what_if_are_one_batch(client: TestClient, fake_gateway: FakeGateway) -> None:
    model = fake_gateway.serve()

    client.post("/", data={"text": "three little words"})

    assert sum(map(len, model.calls)) == 2 + 3 + 24 + 1


def test_an_example_is_one_click(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    for name, form in EXAMPLES.items():
        page = client.post("/", data={"example": name})
        assert page.status_code == 200
        assert 'class="number"' in page.text
        assert escape(form.texts[0]) in page.text

    assert len(EXAMPLES) == 6
    assert client.post("/", data={"example": "Nothing"}).status_code == 422


def test_a_full_queue_keeps_the_text(
    client: TestClient, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_gateway.serve()

    async def full(*_: object) -> list[float]:
        raise QueueFull("1,024 tweets are waiting")

    monkeypatch.setattr(Scoring, "score_tweets", full)
    page = client.post("/", data={"text": "keep me"})

    assert page.status_code == 503
    assert page.headers["retry-after"] == "1"
    assert "keep me</textarea>" in page.text


def test_the_length_is_counted_without_javascript_too(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    page = client.post("/", data={"text": "日本語 https://example.com"}).text

    assert '<span id="count">30</span> of 280' in page


def test_the_result_shows_number_words_weights_and_keeps_the_input(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.4)

    page = client.post(
        "/", data={"text": "a good day", "photos_count": "2", "has_video": "on", "username": "ada"}
    )

    assert page.status_code == 200
    assert "60%" in page.text
    assert "Likely to get a like" in page.text
    assert '<mark class="up-much" title="+20.0">good</mark>' in page.text
    assert '<bdi class="up-much">good</bdi> <b>+20.0</b>' in page.text
    assert "a good day</textarea>" in page.text
    assert 'name="photos_count" value="2" checked' in page.text
    assert 'name="has_video" checked' in page.text
    assert 'value="ada"' in page.text


def test_the_form_asks_for_the_models_own_threshold_and_says_what_is_usual(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.3, likes_threshold=100, decision_threshold=0.1, viral_rate=0.02)

    page = client.post("/", data={"text": "a day"}).text

    assert "<h1>Will this tweet get more than 100 likes?</h1>" in page
    assert "Unlikely to get more than 100 likes, yet 15.0 times as likely as the average tweet" in page
    assert "Of all the tweets it learned from 2.0% got more than 100 likes" in page


@pytest.mark.parametrize(("words", "left_out"), [(60, False), (61, True)])
def test_words_that_were_not_weighed_are_owned_up_to(
    client: TestClient, fake_gateway: FakeGateway, words: int, left_out: bool
) -> None:
    fake_gateway.serve()

    page = client.post("/", data={"text": "word " * words}).text

    assert ("Only the first 60 words were weighed" in page) is left_out


def test_what_was_typed_is_escaped(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    page = client.post("/", data={"text": "</textarea><script>alert(1)</script>", "username": '"><i>'})

    assert "<script>alert" not in page.text
    assert '"><i>' not in page.text


@pytest.mark.parametrize(
    ("fields", "name", "says"),
    [
        ({"text": "x" * 4001}, "text", "4,000 characters"),
        ({"text": "  "}, "text", "Write a tweet first"),
        ({"text": "keep me", "created_at": "yesterday"}, "created_at", "2026-11-23T18:30"),
        ({"text": "keep me", "photos_count": "9"}, "photos_count", "0 to 4"),
        ({"text": "keep me", "photos_count": "many"}, "photos_count", "0 to 4"),
        ({"text": "keep me", "username": "x" * 51}, "username", "50 characters"),
        ({"text": "keep me", "followers": "many"}, "followers", "Give a whole number"),
        ({"text": "keep me", "posts": "-5"}, "posts", "Give a whole number"),
        ({"text": "keep me", "following": "1" * 30}, "following", "Give a whole number"),
        ({"text": "keep me", "account_since": "once"}, "account_since", "Give the day"),
        ({"text": "keep me", "account_since": "2999-01-01"}, "account_since", "Give the day"),
        ({"text": "keep me", "account_since": "1999-01-01"}, "account_since", "Give the day"),
    ],
)
def test_an_error_stands_at_its_field_and_the_text_is_kept(
    client: TestClient, fake_gateway: FakeGateway, fields: dict[str, str], name: str, says: str
) -> None:
    fake_gateway.serve()

    page = client.post("/", data=fields)

    assert page.status_code == 422
    assert says in page.text
    assert re.findall(r'<p class="wrong" id="([a-z_]+)-wrong" data-swap >', page.text) == [name]
    assert f"{fields['text']}</textarea>" in page.text
    assert all(
        f'value="{value}"' in page.text
        for key, value in fields.items()
        if key not in ("text", "photos_count")
    )


def test_a_photo_without_text_is_a_tweet(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert client.post("/", data={"text": "", "photos_count": "1"}).status_code == 200


def test_a_multipart_form_works_too(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert client.post("/", data={"text": "hi"}, files={"x": b"y"}).status_code == 200


def test_ten_thousand_fields_are_refused(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert client.post("/", data={f"f{n}": "1" for n in range(10_000)}).status_code == 400


def test_json_at_the_forms_address_is_refused(client: TestClient) -> None:
    assert client.post("/", json={"text": "hi"}).status_code == 415


def test_the_account_reaches_the_model_with_numbers_as_people_write_them(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()
    account = {"followers": "1,200", "following": "3 100", "posts": "7", "account_since": "2015-03-01"}

    page = client.post("/", data={"text": "hello", **account}).text

    since = datetime(2015, 3, 1, tzinfo=UTC)
    profile = AuthorProfile(followers=1200, following=3100, posts=7, created_at=since)
    assert {tweet.profile for tweet in model.calls[0]} == {profile}
    assert "Known of the account: followers 1,200, following 3,100, posts 7, since 1 Mar 2015." in page
    assert 'value="1,200"' in page


def test_an_example_is_predicted_for_the_account_that_was_given(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()

    page = client.post(
        "/", data={"text": "mine", "followers": "70", "photos_count": "4", "example": "A launch"}
    ).text

    assert model.calls[0][0].profile == AuthorProfile(followers=70)
    assert model.calls[0][0].photos_count == 0
    assert 'value="70"' in page


def test_the_result_says_the_usual_first_and_then_what_the_tweet_adds(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.41)

    page = client.post("/", data={"text": "a good day"}).text
    plain = client.post("/", data={"text": "a day"}).text

    assert page.index("Usual for an account like this: <strong>41%</strong>") < page.index(
        'class="number">61%'
    )
    assert "+20.0 points against the usual" in page
    assert "which differs by no more than noise" in plain


def test_what_a_model_takes_for_noise_is_shown_as_noise(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve(says_likes=True)
    page = client.post("/", data={"text": "a good day https://example.com"}).text
    model.predict_log_likes = lambda tweets: np.zeros(len(tweets))  # type: ignore[method-assign]

    noise = client.post("/", data={"text": "a good day https://example.com"}).text

    assert ">good</mark>" in page
    assert "<mark" not in noise
    assert noise.count("no more than noise</small>") == 2
    assert noise.count("No word by more than noise.") == 2


@pytest.mark.parametrize(
    ("chances", "heights", "best"),
    [
        ([0.4, 0.5] + [0.1] * 22, ["32.0", "40.0", "8.0"], 1),
        ([0.0] * 24, ["0.0"] * 3, None),
    ],
)
def test_hours_are_drawn_from_zero_so_that_small_differences_look_small(
    client: TestClient, fake_gateway: FakeGateway, chances: list[float], heights: list[str], best: int | None
) -> None:
    model = fake_gateway.serve()
    by_hour = dict(enumerate(chances))
    model.predict = lambda tweets: np.array([by_hour[tweet.created_at.hour] for tweet in tweets])  # type: ignore[method-assign]

    page = client.post("/", data={"text": "hi", "created_at": "2026-11-23T00:00"}).text

    columns = re.findall(r'<rect x="\d+" y="[\d.]+" width="8" height="([\d.]+)" (.*?)/>', page)
    assert [height for height, _ in columns][:3] == heights
    assert [number for number, (_, style) in enumerate(columns) if style] == ([] if best is None else [best])


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        (
            {"auc": 0.8, "within_author_auc": 0.5413},
            "picks the better liked one in 54 of 100 cases, and a coin in 50",
        ),
        ({"auc": 0.8}, "two tweets of one account are hard to tell apart"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/drafts"])
def test_how_little_texts_tell_is_said_by_the_models_own_figure(
    client: TestClient, fake_gateway: FakeGateway, path: str, metrics: dict[str, float], says: str
) -> None:
    fake_gateway.serve()
    serving = fake_gateway.holder.get_serving()
    champion = serving.model.model_copy(update={"metrics": metrics})
    fake_gateway.holder.current = replace(serving, model=champion)

    page = client.post(path, data={"text": ["one", "two"] if path == "/drafts" else "one"}).text

    assert says in page
