"""Test that a new source is one file and one line, as docs/sources.md says."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from viral_common.database.engine import Sessions
from viral_common.delivery.service import Service
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings
from viral_scraper.collecting.collector import Collector
from viral_scraper.progress import log_progress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import SOURCES, build_source, load_source_class

from tests.integration.scraper.collecting import read_tweets

PAGE = Path(__file__).parents[4] / "docs" / "sources.md"


def make_scraper_settings(settings: CommonSettings, source: str, **fields: object) -> ScraperSettings:
    return ScraperSettings.model_validate({**settings.model_dump(), "source": source, **fields})


def test_the_pages_example_collects_a_batch(
    db: Sessions, settings: CommonSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example, line) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "diary.py").write_text(example, encoding="utf-8")
    (tmp_path / "diary.txt").write_text("2026-11-20 Rain again\n2026-11-21 Sun at last\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DIARY_PATH", str(tmp_path / "diary.txt"))
    name, place = re.findall(r'"(.*?)"', line)
    monkeypatch.setitem(SOURCES, name, place.replace("viral_scraper.sources.", ""))
    scraper = make_scraper_settings(settings, "diary")

    with Service("scraper", scraper) as service:
        batch = Collector.from_settings(scraper, service, log_progress()).collect_next(threading.Event())

    assert batch is not None
    assert [(tweet.source, tweet.text) for tweet in read_tweets(db)] == [("diary", "Rain again")]


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_whose_library_is_missing_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(SOURCES, name, "no_such_library.module:Source")

    with pytest.raises(UsageError, match=rf"needs the package no_such_library: .*viral-tweets\[{name}\]"):
        load_source_class(name)


def test_a_name_that_is_no_source_is_answered_with_all_names(settings: CommonSettings, db: Sessions) -> None:
    with pytest.raises(UsageError, match="choose one of: archive, bluesky, mastodon, simulated, twint, x"):
        build_source(make_scraper_settings(settings, "instagram"), log_progress(), db)


def test_the_scraper_starts_without_any_sources_library() -> None:
    libraries = ("tweepy", "websockets", "mastodon", "twint", "aiohttp")
    check = f"import sys, viral_scraper.cli; print([name for name in {libraries} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
