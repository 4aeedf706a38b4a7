"""`viral-trainer compare`, as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from typer.testing import Result

from tests.factories import make_twint_days, write_lines

Type = Callable[..., Result]


@pytest.fixture
def typed(type_words: Type) -> Type:
    return partial(type_words, "compare")


def test_a_file_is_all_it_takes(typed: Type, tweets: Path) -> None:
    wanted = ("--split", "random", "--json", "a.json", "--markdown", "a.md", "--plot", "a.svg")

    outcome = typed("--tweets", tweets, *wanted, "--models", "majority,tfidf", "--seed", 3)

    assert outcome.exit_code == 0, outcome.output
    written = json.loads(Path("a.json").read_text())
    assert (written["tweets"], written["test"], written["seed"]) == (400, 80, 3)
    majority, tfidf = written["results"]
    assert (majority["name"], majority["auc"]) == ("majority", 0.5)
    assert tfidf["name"] == "tfidf"
    for name in ("auc", "accuracy", "log_loss"):
        assert tfidf[f"{name}_low"] <= tfidf[name] <= tfidf[f"{name}_high"]
    assert tfidf["train_seconds"] > 0
    assert tfidf["peak_mb"] > 20
    assert f"| tfidf | {tfidf['auc']:.3f} (" in Path("a.md").read_text()
    assert ">tfidf<" in Path("a.svg").read_text()
    assert "1 bad rows (1 broken JSON), the first at" in outcome.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tweets", "no.jsonl"], "cannot read no.jsonl: No such file or directory"),
        (["--tweets", "."], "cannot read .: Is a directory"),
        (["--models", "trees,oracle"], "--models names oracle; choose from: majority, trees,"),
        (["--models", ","], "--models names nothing; choose from: majority, trees,"),
        (["--plot", "a.bmp"], "--plot a.bmp: name it *.png, *.svg"),
        (["--json", "no/a.json"], "is no folder to write in; make it first"),
        (["--markdown", "."], "cannot write .: it is a folder"),
        (["--max-tweets", "99"], "99 tweets are too few to compare on, 100 are needed"),
        (
            ["--threshold", "5"],
            "train tweets have more than 5 likes, at least 10 with and without are needed",
        ),
    ],
)
def test_what_a_person_gets_wrong_is_one_line(
    typed: Type, tweets: Path, words: list[str], message: str
) -> None:
    outcome = typed("--tweets", tweets, *words)

    assert outcome.exit_code == 2
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("error:")]
    assert message in line
    assert "Traceback" not in outcome.output


def test_a_file_without_tweets_is_named_with_the_reason(typed: Type, tmp_path: Path) -> None:
    german = write_lines(tmp_path / "german.jsonl", [*make_twint_days(1, 5, language="de"), b"oops\n"])

    outcome = typed("--tweets", german)

    assert outcome.exit_code == 2
    assert "no usable tweet in" in outcome.stderr
    assert "1 bad rows (1 broken JSON), 5 tweets left out (5 language)" in outcome.stderr


def test_another_split_than_the_two_is_refused(typed: Type, tweets: Path) -> None:
    outcome = typed("--tweets", tweets, "--split", "alphabet")

    assert outcome.exit_code == 2
    assert "--split" in outcome.stderr


def test_mlflow_asked_for_and_away_is_said_before_any_training(
    typed: Type, tweets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRAL_MLFLOW_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    outcome = typed("--tweets", tweets, "--models", "majority", "--mlflow")

    assert outcome.exit_code == 1
    assert "MLflow at http://127.0.0.1:9 does not answer" in outcome.stderr
