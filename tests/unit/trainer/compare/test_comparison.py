"""Everybody is judged on the same tweets, and on the same pairs of one author's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from viral_trainer.compare.comparison import compare
from viral_trainer.compare.contenders import choose_contenders
from viral_trainer.compare.report import collect_figures, to_markdown
from viral_trainer.settings import OfflineSettings

from tests.factories import make_labelled_tweets


@pytest.mark.parametrize(("authors", "known"), [(30, True), (15, False)])
def test_it_is_told_how_well_each_tells_one_author_s_tweets_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authors: int, known: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    tweets = [
        replace(tweet, author_id=str(number % authors))
        for number, tweet in enumerate(make_labelled_tweets(600))
    ]

    comparison = compare(
        tweets,
        choose_contenders("majority,tfidf"),
        "time",
        OfflineSettings(),
        lambda _: None,
        lambda _: None,
    )

    majority, tfidf = map(collect_figures, comparison.results)
    assert len(comparison.results[0].probabilities) == 120
    assert ("within_author_auc" in majority) == known
    if known:
        assert majority["within_author_auc"] == 0.5
        assert tfidf["within_author_auc_low"] > 0.7
        assert majority["within_author_authors"] == tfidf["within_author_authors"] > 20
        low, high = tfidf["within_author_auc_low"], tfidf["within_author_auc_high"]
        assert f"| {tfidf['within_author_auc']:.3f} ({low:.3f}–{high:.3f}) |" in to_markdown(comparison, "it")
    else:
        assert "| – |" in to_markdown(comparison, "it")
