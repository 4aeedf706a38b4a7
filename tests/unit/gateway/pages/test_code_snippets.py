"""What is copied from the result page says what was asked, whatever was typed."""

from __future__ import annotations

import ast
import json
import shlex

from viral_gateway.pages.code_snippets import CodeSnippets
from viral_gateway.pages.form import Form

ADDRESS = "http://gateway:8000/"
NASTY = """it's "so" $HOME `ls` \\ 🎉\nnew line"""


def test_curl_sends_the_tweet_whatever_the_shell_makes_of_its_signs() -> None:
    form = Form(
        [NASTY],
        username="ada",
        followers="1,200",
        account_since="2015-03-01",
        created_at="2026-11-23T18:30",
        photos_count="2",
        has_video=True,
    )

    words = shlex.split(CodeSnippets.from_form(form, ADDRESS, asks_for_keys=False).curl)

    assert words[2] == "http://gateway:8000/v1/predictions"
    assert json.loads(words[-1]) == {
        "tweets": [
            {
                "text": NASTY,
                "username": "ada",
                "created_at": "2026-11-23T18:30",
                "author": {"followers": 1200, "created_at": "2015-03-01"},
                "photos_count": 2,
                "has_video": True,
            }
        ]
    }


def test_python_sends_the_same() -> None:
    program = ast.parse(CodeSnippets.from_form(Form([NASTY]), ADDRESS, asks_for_keys=False).python)

    [tweet] = [
        ast.literal_eval(step.value)
        for step in program.body
        if isinstance(step, ast.Assign) and isinstance(step.value, ast.Dict)
    ]
    assert tweet == {"text": NASTY}


def test_where_keys_are_asked_for_they_come_from_the_environment() -> None:
    again = CodeSnippets.from_form(Form(["hi"]), ADDRESS, asks_for_keys=True)

    assert '-H "X-API-Key: $VIRAL_API_KEY"' in again.curl
    assert '"X-API-Key": os.environ["VIRAL_API_KEY"]' in again.python
