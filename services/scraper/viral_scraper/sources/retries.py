"""Retry requests to a server that may be busy, broken or away: with backoff and jitter, or when it says."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from viral_common.errors import ViralError

log = structlog.get_logger()

T = TypeVar("T")
Sleep = Callable[[float], None]

ATTEMPTS = 6
MOST_WAIT_S = 3600.0  # whatever a server says; limits of a quarter or half an hour are usual


class SourceAway(ViralError):
    """Say that a source does not answer; whoever collects asks again later."""


class TryAgain(Exception):
    """Say that a request may succeed later, and after how long if the server says so."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


def call_with_retries(
    source: str, ask: Callable[[], T], sleep: Sleep = time.sleep, attempts: int = ATTEMPTS
) -> T:
    """Call `ask` until it raises TryAgain no more. Raises SourceAway after so many attempts."""
    retrying = Retrying(
        retry=retry_if_exception_type(TryAgain),
        stop=stop_after_attempt(attempts),
        wait=_draw_wait_s,
        sleep=sleep,
        before_sleep=lambda state: _log_retry(source, state),
        reraise=True,
    )
    try:
        return retrying(ask)
    except TryAgain as error:
        raise SourceAway(f"{source} does not deliver ({error}); it is asked again") from error


def draw_backoff_s(failures: int) -> float:
    """Draw how long to wait after so many failures in a row: doubling up to a minute, with jitter."""
    return float(min(60, 2 ** min(failures, 6)) * random.uniform(0.5, 1))  # noqa: S311  (not for secrets)


def _draw_wait_s(state: RetryCallState) -> float:
    error = _get_error(state)
    if not isinstance(error, TryAgain) or error.after_s is None:
        return draw_backoff_s(state.attempt_number)
    # Not all at the very second at which the server opens again. Not for secrets.
    return min(MOST_WAIT_S, max(0.0, error.after_s)) + random.uniform(0.5, 2.0)  # noqa: S311


def _log_retry(source: str, state: RetryCallState) -> None:
    log.warning(
        "asked again", source=source, reason=str(_get_error(state)), in_s=round(state.upcoming_sleep, 1)
    )


def _get_error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
