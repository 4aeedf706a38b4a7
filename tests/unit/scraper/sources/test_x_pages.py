"""Counts that cannot be read are asked for again: none may pass for deleted."""

from __future__ import annotations

from typing import Any

import pytest
from viral_scraper.sources.retries import SourceAway
from viral_scraper.sources.x.api import Page


@pytest.mark.parametrize("counts", [7, [1], "many", {"like_count": "many"}, None])
def test_counts_of_another_shape_are_asked_for_again(counts: Any) -> None:
    page = Page.model_validate({"data": [{"id": "1", "public_metrics": counts}]})

    with pytest.raises(SourceAway, match="X's counts cannot be read"):
        list(page.read_engagements())
