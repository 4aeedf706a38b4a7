"""What the demo chooses by itself."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from viral_common.errors import UsageError
from viral_local.commands.demo import Demo, choose_batch_size
from viral_local.commands.gateway_client import format_curl_command
from viral_local.settings import LocalSettings
from viral_local.stack.stack import Stack

from tests.factories import make_twint_days, write_lines


def choices(tmp_path: Path, tweets: Path | None, **settings: object) -> dict[str, str] | None:
    return Demo(Stack(LocalSettings(data_dir=tmp_path / ".viral", **settings))).choose_settings(tweets)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rows", "size"), [(100, 1_000), (20_000, 3_000), (1_000_000, 10_000)])
def test_a_file_becomes_a_few_batches_neither_tiny_nor_huge(rows: int, size: int) -> None:
    assert choose_batch_size(rows) == size


def test_a_file_of_tweets_is_the_source(tmp_path: Path) -> None:
    tweets = tmp_path / "my tweets.jsonl.gz"
    with gzip.open(tweets, "wt") as file:
        file.write("{}\n" * 20_000)

    assert choices(tmp_path, tweets) == {
        "VIRAL_SOURCE": "archive",
        "VIRAL_ARCHIVE_PATHS": str(tweets),
        "VIRAL_BATCH_SIZE": "3000",
    }


def test_a_batch_size_that_was_set_is_kept(tmp_path: Path) -> None:
    tweets = tmp_path / "tweets.jsonl"
    tweets.write_text("{}\n")

    chosen = choices(tmp_path, tweets, batch_size=77)

    assert chosen is not None
    assert chosen["VIRAL_BATCH_SIZE"] == "77"


def test_without_a_file_tweets_are_invented(tmp_path: Path) -> None:
    chosen = choices(tmp_path, None)

    assert chosen is not None
    assert chosen["VIRAL_SOURCE"] == "simulated"


def test_a_source_that_was_set_is_kept(tmp_path: Path) -> None:
    assert choices(tmp_path, None, source="archive") is None


def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    tweets = tmp_path / "tweets.gz"  # that it is packed otherwise the name does not say
    lines = write_lines(tmp_path / "lines", make_twint_days(10, per_day=1_000)).read_bytes()
    tweets.write_bytes(zstandard.compress(lines))

    chosen = choices(tmp_path, tweets)

    assert chosen is not None
    assert chosen["VIRAL_BATCH_SIZE"] == "1500"


@pytest.mark.parametrize("content", [None, "", "a text\n"])
def test_no_file_and_an_empty_one_are_refused_at_once(tmp_path: Path, content: str | None) -> None:
    tweets = tmp_path / "tweets.jsonl"
    if content is not None:
        tweets.write_text(content)

    with pytest.raises(UsageError, match=r"tweets\.jsonl"):
        choices(tmp_path, tweets)


def test_the_command_to_paste_is_quoted_for_a_shell() -> None:
    command = format_curl_command("http://127.0.0.1:8000")

    assert command.startswith("curl -s http://127.0.0.1:8000/v1/predictions -H ")
    assert command.endswith("}'")


def test_a_key_is_asked_for_by_its_name_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_API_KEYS", "secret-one, secret-two")

    command = format_curl_command("http://127.0.0.1:8000")

    assert '-H "X-API-Key: $KEY"' in command
    assert "secret" not in command
