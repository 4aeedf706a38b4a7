"""The tweets that a report is about, wherever they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from viral_common.stores.tweet_columns import TweetColumns


@dataclass(frozen=True)
class Piece:
    """Tweets that belong together in time: a batch, or a part of a file."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Described:
    """One or more pieces of one source, oldest first, and what came before the last of them."""

    source: str
    query: str
    pieces: Sequence[Piece]
    columns: TweetColumns
    """Of all pieces, at least one tweet; `batches` are their places."""
    before: TweetColumns | None
    """What the last piece is compared with; None if it is the first of its source."""
    likes_threshold: int
    unit: str
    """What a piece is called."""
    too_young: int
    """Tweets left out because their likes were read too early."""
    left_out: Mapping[str, int]
    """Tweets not kept when the pieces were collected, by reason."""

    @property
    def simulated(self) -> bool:
        """Made up by a generator."""
        return self.source == "simulated"

    @property
    def newest(self) -> TweetColumns:
        """The tweets of the last piece."""
        return self.columns.select(self.columns.batches == len(self.pieces) - 1)

    @property
    def viral(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """The label of each tweet, (n,)."""
        return self.columns.likes > self.likes_threshold
