"""Draw what simulated authors' profiles show: their reach, which their likes follow, through noise.

    log count = a + b * the author's reach + Normal(0, c), for each count of its own

So it is on FIRST_DAY, and grows by GROWTH of that a day. The age of an account says nothing of its author's reach.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

import numpy as np
from viral_common.tweets.profile import FIRST_ACCOUNT, AuthorProfile

from viral_scraper.simulation.like_model import Floats

FIRST_DAY = date(2020, 1, 1)  # every account is older
GROWTH = 0.0005
# Of followers, following, posts, favourites and lists.
A, B, C = (5.0, 5.5, 6.5, 6.5, 1.0), (1.3, 0.0, 0.3, 0.0, 1.3), (0.7, 0.9, 1.2, 1.4, 0.9)
VERIFIED_REACH, VERIFIED_NOISE = 1.6, 0.4


@dataclass(frozen=True)
class Profiles:
    """Hold all authors' profiles on FIRST_DAY; `counts` of shape (authors, 5), in AuthorProfile's order."""

    counts: Floats
    verified: list[bool]
    created_at: list[datetime]

    @classmethod
    def draw(cls, seed: int, reach: Floats) -> Self:
        """Draw them from the seed alone, apart from all else that is drawn from it."""
        draw = np.random.default_rng([seed, 1])
        authors, oldest_days = len(reach), (FIRST_DAY - FIRST_ACCOUNT.date()).days
        return cls(
            counts=np.exp(A + np.outer(reach, B) + draw.normal(0.0, C, (authors, len(C)))),
            verified=(reach + draw.normal(0.0, VERIFIED_NOISE, authors) > VERIFIED_REACH).tolist(),
            created_at=[FIRST_ACCOUNT + timedelta(days=age) for age in draw.uniform(0, oldest_days, authors)],
        )

    def read(self, authors: Iterable[int], day: date) -> dict[int, AuthorProfile]:
        """Read these authors' profiles as they are when a day begins."""
        grown = 1 + GROWTH * max(0, (day - FIRST_DAY).days)
        counts = np.rint(self.counts * grown).astype(np.int64).T.tolist()
        read_at = datetime.combine(day, time(), UTC)
        rows = list(zip(*counts, self.verified, self.created_at, [read_at] * len(self.verified), strict=True))
        return {by: AuthorProfile(*rows[by]) for by in authors}
