"""Test that a window's days are cut into random pieces."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from viral_scraper.collecting.intervals import derive_batch_id, draw_random_intervals
from viral_scraper.sources.base import Window

FROM = datetime(2022, 3, 1, tzinfo=UTC)


@given(st.uuids(), st.integers(1, 200))
def test_the_pieces_cover_the_window_once(batch_id: UUID, days: int) -> None:
    window = Window(FROM, FROM + timedelta(days=days))

    pieces = sorted(draw_random_intervals(batch_id, window))

    assert (pieces[0].since, pieces[-1].until) == window
    assert all(one.until == next_.since for one, next_ in itertools.pairwise(pieces))
    assert all(piece.since < piece.until for piece in pieces)
    assert len(pieces) >= 2 * days


def test_the_draw_depends_on_the_batch_alone() -> None:
    window = Window(FROM, FROM + timedelta(days=3))
    one, other = derive_batch_id("archive", "oil", window), derive_batch_id("archive", "gas", window)

    assert draw_random_intervals(one, window) == draw_random_intervals(one, window)
    assert draw_random_intervals(one, window) != draw_random_intervals(other, window)
    assert draw_random_intervals(one, window) != sorted(draw_random_intervals(one, window))


def test_a_batch_has_one_id_wherever_it_is_planned() -> None:
    window = Window(FROM, FROM + timedelta(days=1))

    assert derive_batch_id("archive", "oil", window) == derive_batch_id("archive", "oil", window)
