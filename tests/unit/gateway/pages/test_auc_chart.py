"""Where the drawing of the champion's AUC puts its dots and words, whatever the figures."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from viral_gateway.api.record_schemas import BatchOut
from viral_gateway.pages.auc_chart import BOTTOM, TOP, AucChart, Scale

from tests.unit.gateway.trails import make_trails


@given(st.lists(st.floats(0, 1), min_size=1, max_size=90))
def test_every_figure_lies_between_top_and_bottom_and_ticks_are_few(values: list[float]) -> None:
    scale = Scale.from_values(values)

    assert all(TOP - 0.1 <= scale.compute_y(value) <= BOTTOM + 0.1 for value in values)
    assert 2 <= len(scale.ticks) <= 7
    assert len({label for _, label in scale.ticks}) == len(scale.ticks)


def test_larger_is_higher() -> None:
    scale = Scale.from_values([0.6, 0.7])

    assert scale.compute_y(0.7) < scale.compute_y(0.65) < scale.compute_y(0.6)


@given(st.integers(1, 40))
def test_words_leave_each_other_room_and_the_newest_date_is_always_there(days: int) -> None:
    chart = AucChart.from_batches([BatchOut.from_trail(trail) for trail in make_trails(days)])

    assert chart
    dates = [x for x, _ in chart.dates]
    assert dates[-1] == chart.points[-1].x
    for words in (dates, [x for x, _, _ in chart.names]):
        assert all(right - left >= 15 for left, right in pairwise(words))


def test_the_line_goes_from_champion_to_champion_past_batches_without_a_verdict() -> None:
    chart = AucChart.from_batches([BatchOut.from_trail(trail) for trail in make_trails(9)])

    assert chart
    assert len(chart.lines) == len(chart.points) - 1 == 6
    # Days 6 and 9 were not judged; 1, 2 and 4 took over from the one before.
    assert [point.takes_over for point in chart.points] == [True, True, False, True, False, False, False]
    assert [point.rejected is None for point in chart.points] == [point.takes_over for point in chart.points]
    assert chart.description.startswith("7 batches judged; 3 of the challengers took over.")
