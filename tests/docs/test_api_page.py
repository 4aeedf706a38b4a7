"""The calls on the pages are calls that the gateway takes, and the reply shown is one that it gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from viral_gateway.api.prediction_schemas import PredictionsReply, RankingReply
from viral_gateway.api.request_schemas import PredictionsRequest, RankingRequest
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway

ROOT = Path(__file__).parents[2]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_the_curl_to_paste_sends_a_valid_request(page: str) -> None:
    [body] = re.findall(r"-d '(.+)'", (ROOT / page).read_text(encoding="utf-8"))

    assert PredictionsRequest.model_validate_json(body).tweets


def test_the_reply_shown_is_a_whole_reply() -> None:
    shown: dict[str, Any] = json.loads(re.findall(r"```json\n(.+?)```", API, re.DOTALL)[0])

    replies = TypeAdapter(PredictionsReply)

    assert replies.dump_python(replies.validate_python(shown), mode="json") == shown


def test_the_ranking_shown_is_one_that_is_asked_for_and_given() -> None:
    request, reply = re.findall(r"```json\n(.+?)```", API, re.DOTALL)[1:3]

    ranking = RankingReply.model_validate_json(reply)

    assert len(RankingRequest.model_validate_json(request).drafts) == len(ranking.drafts)
    assert json.loads(ranking.model_dump_json(exclude_none=True, by_alias=True)) == json.loads(reply)


def test_every_address_of_the_api_is_on_the_page() -> None:
    paths = create_app(FakeGateway().build()).openapi()["paths"]
    calls = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    # The call to predict has a section of its own instead of a row.
    assert {call for call in calls if f"`{call}`" not in API} == {"POST /v1/predictions"}
