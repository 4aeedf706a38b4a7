"""Log a share of the predictions, off the request path: to see how the tweets that are asked about drift."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from viral_common.database.engine import POSTGRES_AWAY, Sessions
from viral_common.tweets.features import TweetInput

from viral_gateway import telemetry
from viral_gateway.settings import GatewaySettings
from viral_gateway.stores import predictions
from viral_gateway.stores.predictions import LoggedPrediction

log = structlog.get_logger()

# Predictions that wait to be written, at most. More are dropped: a prediction is never slowed by being logged.
MOST_WAITING = 2_000
WRITE_EVERY_S = 1.0
WRITE_AT_ONCE = 500
# Old ones are looked for this often, and deleted so many at once.
DELETE_EVERY_S = 3_600.0
DELETE_AT_ONCE = 10_000


class PredictionLog:
    """Record on any thread, write on one of its own (`run`). Switched off it writes nothing, but still deletes."""

    def __init__(self, sessions: Sessions, settings: GatewaySettings) -> None:
        self._sessions = sessions
        self._share = settings.log_predictions_share if settings.log_predictions else 0.0
        self._keep = settings.log_predictions_keep
        self._lock = threading.Lock()
        self._waiting: list[LoggedPrediction] = []
        self._losing = False

    def record(
        self, model_version: int, tweets: Sequence[TweetInput], probabilities: Sequence[float]
    ) -> None:
        """Draw a share of them to be written. Asks no server, waits for nobody, raises nothing."""
        if not self._share:
            return
        now = datetime.now(UTC)
        drawn = [
            LoggedPrediction(now, model_version, tweet, probability)
            for tweet, probability in zip(tweets, probabilities, strict=True)
            if random.random() < self._share  # noqa: S311  (a sample, no secret)
        ]
        with self._lock:
            room = max(0, MOST_WAITING - len(self._waiting))
            self._waiting += drawn[:room]
        if len(drawn) > room:
            telemetry.NOT_LOGGED.labels("full").inc(len(drawn) - room)

    def run(self, stopping: threading.Event) -> None:
        """Write what waits, and now and then delete what is too old; at the end write what is left."""
        waited = DELETE_EVERY_S
        while not stopping.wait(WRITE_EVERY_S):
            self.write()
            waited += WRITE_EVERY_S
            if waited >= DELETE_EVERY_S:
                self.delete_old(stopping)
                waited = 0.0
        self.write()

    def write(self) -> None:
        """Write all that waits. What Postgres does not take is dropped and counted, for more is on its way."""
        with self._lock:
            made, self._waiting = self._waiting, []
        for start in range(0, len(made), WRITE_AT_ONCE):
            piece = made[start : start + WRITE_AT_ONCE]
            try:
                with self._sessions.begin() as session:
                    predictions.add_predictions(session, piece)
            except POSTGRES_AWAY as error:
                self._count_loss(piece, "postgres away", error)
            except Exception as error:  # noqa: BLE001  (whatever it is, predictions are answered)
                self._count_loss(piece, "failed", error)
            else:
                telemetry.LOGGED.inc(len(piece))
                self._losing = False

    def delete_old(self, stopping: threading.Event) -> None:
        """Delete those older than they are to be kept, a piece at a time."""
        before = datetime.now(UTC) - self._keep
        try:
            gone = DELETE_AT_ONCE
            while gone == DELETE_AT_ONCE and not stopping.is_set():
                with self._sessions.begin() as session:
                    gone = predictions.delete_old_predictions(session, before, DELETE_AT_ONCE)
        except Exception as error:  # noqa: BLE001  (whatever it is, the next hour tries again and the gateway serves on)
            log.warning("old predictions not deleted", reason=repr(error))

    def _count_loss(self, piece: Sequence[LoggedPrediction], reason: str, error: Exception) -> None:
        telemetry.NOT_LOGGED.labels(reason).inc(len(piece))
        if not self._losing:  # one line for an outage; the counter has the rest
            log.warning("predictions not logged", reason=reason, error=repr(error))
        self._losing = True
