"""Score adaptively: what arrives while a batch is scored is scored together next; when idle nobody waits."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from viral_common.errors import ArtefactError, ViralError
from viral_common.tweets.features import TweetInput

from viral_gateway import telemetry
from viral_gateway.serving.champion import Serving

# Tweets scored in one go: more is no faster, and a newcomer would wait for more.
BATCH = 64
# A batch of fewer is scored before a further thread would have begun: both would compete for the interpreter.
FEW = 8


class QueueFull(ViralError):
    """Refuse a call: so many tweets would be scored before its own that it would only wait longer."""


@dataclass(eq=False)
class _Call:
    """Hold tweets to score by one model. `taken` of them were given to a thread, `unscored` have no probability yet."""

    serving: Serving
    tweets: Sequence[TweetInput]
    answer: asyncio.Future[list[float]]
    probabilities: list[float] = field(init=False)
    taken: int = 0
    unscored: int = field(init=False)

    def __post_init__(self) -> None:
        self.unscored = len(self.tweets)
        self.probabilities = [math.nan] * self.unscored


@dataclass(frozen=True)
class _Piece:
    """Hold the tweets `start` to `end` of a call."""

    call: _Call
    start: int
    end: int


class Scoring:
    """Score for one event loop on a few threads. A call is answered by the model it names, whatever is swapped."""

    def __init__(self, threads: int, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        # What is scored before a newcomer: of each call a batch at most, for a large one goes to the back after that.
        self._waiting = 0
        self._under_way = 0
        self._calls: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, name=f"score-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def score_tweets(self, serving: Serving, tweets: Sequence[TweetInput]) -> list[float]:
        """Score in the tweets' order. Raises QueueFull at once, ArtefactError rather than answer what is no number."""
        call = _Call(serving, tweets, asyncio.get_running_loop().create_future())
        if not tweets:
            return []
        with self._changed:
            if self._waiting >= self._most_waiting:
                telemetry.TURNED_AWAY.inc()
                raise QueueFull(
                    f"{self._waiting:,} tweets would be scored before yours; ask again in a moment."
                )
            self._calls.append(call)
            self._waiting += min(BATCH, len(tweets))
            if self._is_thread_needed():
                self._changed.notify()
        return await call.answer

    def close(self) -> None:
        """Score what waits and end the threads."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        # A batch lives in the callee's frame alone: an idle thread must not keep a model that was swapped out.
        while self._score_next():
            pass

    def _score_next(self) -> bool:
        """Wait for a batch and score it; False once closed and nothing waits."""
        with self._changed:
            while not self._is_thread_needed():
                if self._closing:
                    return False
                self._changed.wait()
            batch = self._take()
            self._under_way += _count(batch)
            if self._is_thread_needed():
                self._changed.notify()
        tweets = [tweet for piece in batch for tweet in piece.call.tweets[piece.start : piece.end]]
        serving = batch[0].call.serving
        telemetry.BATCH_TWEETS.observe(len(tweets))
        try:
            scores = serving.scorer.predict(tweets).tolist()
            if not all(map(math.isfinite, scores)):
                raise ArtefactError(
                    f"version {serving.model.model_version} answered with something that is no number"
                )
        except Exception as error:  # noqa: BLE001  (each caller gets it; this thread must outlive everything)
            self._deliver(batch, error)
        else:
            self._deliver(batch, scores)
        return True

    def _is_thread_needed(self) -> bool:
        """Decide whether an idle thread should score: the first at once, more beside a long batch or a long wait."""
        return bool(self._calls) and (
            not self._under_way or self._waiting >= FEW or self._under_way >= BATCH // 2
        )

    def _take(self) -> list[_Piece]:
        """Take up to a batch of tweets for one model, oldest calls first; a large call then goes to the back."""
        batch: list[_Piece] = []
        serving, room = self._calls[0].serving, BATCH
        while room and self._calls and self._calls[0].serving is serving:
            call = self._calls.popleft()
            self._waiting -= min(BATCH, len(call.tweets) - call.taken)
            start, call.taken = call.taken, min(call.taken + room, len(call.tweets))
            batch.append(_Piece(call, start, call.taken))
            room -= call.taken - start
            if left := len(call.tweets) - call.taken:
                self._calls.append(call)
                self._waiting += min(BATCH, left)
        return batch

    def _deliver(self, batch: Sequence[_Piece], outcome: list[float] | Exception) -> None:
        done, start = [], 0
        with self._changed:
            self._under_way -= _count(batch)
            for piece in batch:
                call, count = piece.call, piece.end - piece.start
                if isinstance(outcome, list):
                    call.probabilities[piece.start : piece.end] = outcome[start : start + count]
                start, call.unscored = start + count, call.unscored - count
                if call.unscored == 0 or isinstance(outcome, Exception):
                    done.append(call)
        if done:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                # All at once: the loop is woken, and takes the interpreter, once a batch.
                done[0].answer.get_loop().call_soon_threadsafe(_answer, done, outcome)


def _count(batch: Sequence[_Piece]) -> int:
    return sum(piece.end - piece.start for piece in batch)


def _answer(calls: Sequence[_Call], outcome: list[float] | Exception) -> None:
    for call in calls:
        if call.answer.done():  # its caller went away, or another part of it failed before
            continue
        if isinstance(outcome, Exception):
            call.answer.set_exception(outcome)
        else:
            call.answer.set_result(call.probabilities)
