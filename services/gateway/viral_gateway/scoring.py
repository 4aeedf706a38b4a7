"""Predictions off the event loop, so that /health answers while the cores are busy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from viral_common.errors import ArtefactError
from viral_common.features import TweetInput

from viral_gateway.serving import Serving

# Tweets scored in one go. A larger call takes several, between which others have their turn; it bounds memory too.
SLICE = 256


class Scoring:
    """A few threads that score; a call is answered by the model it names, whatever is swapped meanwhile."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="score")

    async def probabilities(self, serving: Serving, tweets: Sequence[TweetInput]) -> list[float]:
        """In the tweets' order. Raises ArtefactError rather than answer with something that is no number."""
        loop = asyncio.get_running_loop()
        parts = [
            await loop.run_in_executor(self._pool, serving.scorer.predict, tweets[start : start + SLICE])
            for start in range(0, len(tweets), SLICE)
        ]
        scores = np.concatenate(parts)
        if not np.isfinite(scores).all():
            raise ArtefactError(f"version {serving.model.version} answered with something that is no number")
        return [float(score) for score in scores]

    def close(self) -> None:
        """Let running calls finish and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
