"""Run a round: new batches and faults at once, healing, rest, and then the invariants."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import psutil
from sqlalchemy import Engine

from tests.chaos.facts import Audit, Facts, read_facts
from tests.chaos.faults.inject import inject
from tests.chaos.invariants import count_published_again, find_broken, find_unfinished
from tests.chaos.pipeline import NothingThere, Pipeline
from tests.chaos.request_loop import Asked, Hit, RequestLoop, find_unexplained
from tests.chaos.schedule import Fault, Round, list_warm_up
from tests.chaos.undisturbed import Reference
from tests.chaos.watcher import Watcher

# After the last healing so many seconds may pass until nothing is left to do, beside those that the round's batches
# take undisturbed.
REST_S = 45.0
WARM_UP_S = 300.0
LOOK_S = 0.5


@dataclass
class Injection:
    """What became of a fault."""

    fault: Fault
    from_s: float = 0.0
    until_s: float = 0.0
    missed: str | None = None
    """Why there was nothing to hit."""
    error: BaseException | None = None


@dataclass
class Outcome:
    """What became of a round."""

    drawn: Round
    injections: list[Injection] = field(default_factory=list)
    recovered_s: float | None = None
    """From the last healing to rest; None: not in time."""
    asked: list[Asked] = field(default_factory=list)
    unexplained: int = 0
    """Requests that failed though nothing had hit their gateway."""
    published_again: int = 0
    champion: int | None = None
    """The version that is served at its end."""
    broken: list[str] = field(default_factory=list)

    @property
    def hit(self) -> list[Injection]:
        """The faults that found something to hit."""
        return [one for one in self.injections if one.missed is None]


@dataclass
class Rounds:
    """Run rounds on one pipeline."""

    pipeline: Pipeline
    engine: Engine
    reference: Reference
    watcher: Watcher
    requests: RequestLoop
    rest_s: float = REST_S
    batch_s: float = WARM_UP_S
    """What a batch takes here without faults, from the scraper's start to rest; measured by the warm-up."""
    audit: Audit = field(default_factory=Audit)

    def run(self, drawn: Round) -> Outcome:
        """Run one. Raises what an injection raised that is no fault of the pipeline's."""
        outcome = Outcome(drawn, [Injection(fault) for fault in drawn.faults])
        undisturbed = self.reference.collect(drawn.first_day, drawn.batches)
        self.watcher.batches = self.reference.count_batches()
        self.pipeline.collect(drawn.first_day, drawn.batches)
        self._inject_all(outcome)
        healed = time.monotonic()
        rest_s = self.rest_s + self.batch_s * drawn.batches
        facts, unfinished = self._await_rest(rest_s)
        if facts is None or unfinished:
            outcome.broken = [
                f"not at rest within {rest_s:.0f} s of the last healing: {one}" for one in unfinished
            ]
        else:
            outcome.recovered_s = round(time.monotonic() - healed, 1)
            outcome.broken = find_broken(facts, undisturbed)
            outcome.champion = facts.promotions[-1]["version"] if facts.promotions else None
            outcome.published_again = count_published_again(facts)
        outcome.broken += [f"{said}, for {lasted} s" for said, lasted in self.watcher.tracker.found.items()]
        self._judge_requests(outcome)
        return outcome

    def warm_up(self) -> None:
        """Let the pipeline work undisturbed until there is a champion. Raises RuntimeError if anything is wrong."""
        for drawn in list_warm_up():
            outcome = self.run(drawn)
            if outcome.broken:
                raise RuntimeError("; ".join(outcome.broken))
            self.batch_s = min(self.batch_s, outcome.recovered_s or WARM_UP_S)
            if outcome.champion is not None:
                return
        raise RuntimeError("no version was promoted before the first fault")

    def _inject_all(self, outcome: Outcome) -> None:
        began = time.monotonic()
        threads = [
            threading.Thread(target=self._inject, args=(one, began), name=str(one.fault), daemon=True)
            for one in outcome.injections
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(max(0.0, began + outcome.drawn.length_s - time.monotonic()))
        for one in outcome.injections:
            if one.error:
                raise RuntimeError(f"{one.fault} could not be brought about") from one.error

    def _inject(self, injection: Injection, began: float) -> None:
        fault = injection.fault
        time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
        injection.from_s = injection.until_s = time.monotonic()
        try:
            heal = inject(self.pipeline, fault)
            try:
                time.sleep(fault.for_s)
            finally:
                heal()
        except (NothingThere, psutil.NoSuchProcess) as nothing:
            injection.missed = str(nothing)
        except BaseException as error:  # noqa: BLE001  (raised again by whoever waits for this thread)
            injection.error = error
        injection.until_s = time.monotonic()

    def _await_rest(self, rest_s: float) -> tuple[Facts | None, list[str]]:
        deadline = time.monotonic() + rest_s
        facts, unfinished = None, ["nothing was asked"]
        while unfinished and time.monotonic() < deadline:
            try:
                facts = read_facts(self.pipeline, self.engine, self.audit)
                unfinished = find_unfinished(facts, self.watcher.batches)
            except Exception as silent:  # noqa: BLE001  (whoever does not answer yet is asked again)
                unfinished = [f"it cannot be asked: {silent!r}"]
            time.sleep(LOOK_S if unfinished else 0)
        return facts, unfinished

    def _judge_requests(self, outcome: Outcome) -> None:
        outcome.asked = self.requests.take()
        hits = [
            Hit(name, one.from_s, one.until_s)
            for one in outcome.hit
            for name in one.fault.hits
            if name.startswith("gateway")
        ]
        unexplained = find_unexplained(outcome.asked, hits)
        outcome.unexplained = len(unexplained)
        for gateway in sorted({one.gateway for one in unexplained}):
            reasons = sorted({str(one.failure) for one in unexplained if one.gateway == gateway})
            count = sum(one.gateway == gateway for one in unexplained)
            outcome.broken.append(
                f"{count} requests failed at {gateway}, which nothing had hit: {', '.join(reasons)}"
            )
