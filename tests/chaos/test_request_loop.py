"""A failure counts as explained where, and only where, its own gateway was hit."""

from __future__ import annotations

import pytest

from tests.chaos.request_loop import GRACE_S, Asked, Hit, compute_percentile, find_unexplained

HIT = Hit("gateway-1", 100, 104)


@pytest.mark.parametrize(
    ("asked", "unexplained"),
    [
        (Asked(102, "gateway-1", 0.1, "503"), False),
        (Asked(99, "gateway-1", 2, "ReadTimeout"), False),  # under way when it was hit
        (Asked(104 + GRACE_S, "gateway-1", 0.1, "ConnectError"), False),
        (Asked(105 + GRACE_S, "gateway-1", 0.1, "ConnectError"), True),
        (Asked(98, "gateway-1", 1, "503"), True),
        (Asked(102, "gateway-2", 0.1, "503"), True),
        (Asked(50, "gateway-1", 0.1, None), False),
    ],
)
def test_only_what_hit_the_gateway_explains_its_failures(asked: Asked, unexplained: bool) -> None:
    assert bool(find_unexplained([asked], [HIT])) == unexplained


def test_percentiles() -> None:
    asked = [Asked(0, "gateway-1", number / 100) for number in range(1, 101)]

    assert compute_percentile(asked, 0.5) == pytest.approx(0.51)
    assert compute_percentile(asked, 0.99) == pytest.approx(1.0)
    assert compute_percentile([], 0.99) == 0
