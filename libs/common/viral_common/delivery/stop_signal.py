"""Tell the loops of a service to stop, and know when each last moved: one that stands still must not look alive."""

from __future__ import annotations

import threading
import time

# Postgres and RabbitMQ are given up after 15 s of silence: a loop that waits longer waits for something else.
LONGEST_TURN_S = 20.0


class StopSignal(threading.Event):
    """Tell one loop to stop. Whenever the loop asks, or rests here, it has moved; so no loop can forget to say so."""

    def __init__(self, name: str, longest_turn_s: float = LONGEST_TURN_S) -> None:
        super().__init__()
        self.name = name
        self._longest_turn_s = longest_turn_s
        self._moves_until = time.monotonic()

    def is_set(self) -> bool:
        """Tell whether to stop."""
        self.note_turn()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait, at most so long; True once it is time to stop."""
        self.note_turn(timeout or 0)
        stopped = super().wait(timeout)
        self.note_turn()
        return stopped

    def note_turn(self, rest_s: float = 0) -> None:
        """Note that the loop moves, and that it means to rest so long now."""
        self._moves_until = time.monotonic() + rest_s

    def compute_age_s(self) -> float:
        """Compute how long ago the loop moved; rest that it meant to take counts as moving."""
        return max(0.0, time.monotonic() - self._moves_until)

    def find_stall(self) -> str | None:
        """Find whether the loop stands still, in words; None if it moves."""
        age_s = self.compute_age_s()
        return f"the {self.name} has not moved for {age_s:.0f} s" if age_s > self._longest_turn_s else None
