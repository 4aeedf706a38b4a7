"""The pipeline's story, told batch by batch as it happens: collected, trained, judged, served."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from uuid import UUID

import httpx
from rich.console import Console
from viral_common.database.engine import Sessions
from viral_common.errors import ViralError
from viral_common.stores.trail import BatchTrail, read_batch_trails

from viral_local.commands.gateway_client import served_version
from viral_local.commands.training_progress import newest_run
from viral_local.servers import services
from viral_local.stack.plan import Plan

POLL_S = 0.5
# On a pipe there is no line to overwrite, so progress is told this often.
TELL_EVERY_S = 5.0
SWAP_PATIENCE_S = 60
# Long enough to train on a large batch on a slow machine.
PATIENCE_S = 1800
# A source that never ends is not watched for ever.
MOST_BATCHES = 20


@dataclass
class Story:
    """Reads what the services wrote down; asks them nothing that they would not tell anybody."""

    plan: Plan
    db: Sessions
    console: Console

    def tell(self) -> int:
        """Follow every batch of the source until it has no more; returns how many there were."""
        told = 0
        for batch_id in self._batches():
            told += 1
            self._tell_batch(told, batch_id)
            if told == MOST_BATCHES:
                break
        return told

    def _batches(self) -> Iterator[UUID]:
        """In the order they were begun in. Raises ViralError if the scraper cannot collect."""
        seen: set[UUID] = set()
        last_news = time.monotonic()
        while True:
            waiting = [trail.batch.id for trail in reversed(self._trails()) if trail.batch.id not in seen]
            if waiting:
                seen.add(waiting[0])
                yield waiting[0]
                last_news = time.monotonic()
            elif self._exhausted():
                return
            elif time.monotonic() - last_news > PATIENCE_S:
                raise ViralError("nothing has been collected for half an hour; see `viral logs scraper`")
            else:
                self._check_scraper()
                time.sleep(POLL_S)

    def _tell_batch(self, number: int, batch_id: UUID) -> None:
        batch = self._trail(batch_id).batch
        window = f"{batch.window_from:%Y-%m-%d} to {batch.window_to:%Y-%m-%d}"
        self.console.print(f"\n[bold]Batch {number}[/bold]  {batch.source}, {window}")
        trail = self._until(batch_id, lambda trail: trail.batch.collected_at is not None, _collecting)
        self._line("collected", _collected(trail))
        if not trail.batch.tweet_count:
            return
        trail = self._until(batch_id, lambda trail: bool(trail.training or trail.verdict), self._training)
        if trail.training:
            run = newest_run(self.plan.mlflow_url, batch_id)
            self._line(
                "trained", f"version {trail.training.model_version}" + (f": {run.result()}" if run else "")
            )
        trail = self._until(
            batch_id, lambda trail: trail.verdict is not None, lambda _: "scoring both models"
        )
        if trail.verdict:
            self._line("verdict", f"{trail.verdict.outcome}: {trail.verdict.reason}")
        if trail.verdict and trail.verdict.outcome == "promoted" and trail.verdict.challenger_version:
            self._tell_swap(trail.verdict.challenger_version)

    def _tell_swap(self, version: int) -> None:
        deadline = time.monotonic() + SWAP_PATIENCE_S
        while (served := served_version(self.plan.gateway_url)) is None or served < version:
            if time.monotonic() > deadline:
                self._line(
                    "promoted", f"the gateway did not swap to version {version}; see `viral logs gateway`"
                )
                return
            time.sleep(POLL_S)
        now = "gateway now serves" if served == version else f"version {version}; by now the gateway serves"
        self._line("promoted", f"{now} version {served}")

    def _until(
        self, batch_id: UUID, reached: Callable[[BatchTrail], bool], progress: Callable[[BatchTrail], str]
    ) -> BatchTrail:
        """Wait for a step of the batch, telling how far it is."""
        deadline, told, told_at = time.monotonic() + PATIENCE_S, "", time.monotonic()
        shown = self.console.status("") if self.console.is_terminal else nullcontext()
        with shown as status:
            while not reached(trail := self._trail(batch_id)):
                now = progress(trail)
                if status is not None:
                    status.update(now)
                elif now != told and time.monotonic() - told_at >= TELL_EVERY_S:
                    self._line("", now)
                    told, told_at = now, time.monotonic()
                if time.monotonic() > deadline:
                    raise ViralError(
                        f"batch {batch_id} has not moved for half an hour ({now}); see `viral status`"
                    )
                time.sleep(POLL_S)
        return trail

    def _training(self, trail: BatchTrail) -> str:
        run = newest_run(self.plan.mlflow_url, trail.batch.id)
        return f"training: {run.live()}" if run else "waiting for the trainer"

    def _exhausted(self) -> bool:
        """Whether the scraper says that its source has no more."""
        try:
            metrics = httpx.get(f"{self.plan.health_url('scraper')}/metrics", timeout=5, trust_env=False).text
        except httpx.TransportError:
            return False
        return "\nviral_source_exhausted 1.0" in metrics

    def _check_scraper(self) -> None:
        if missing := services.health(self.plan.health_url("scraper")).missing:
            raise ViralError(f"the scraper cannot collect: {'; '.join(missing)}")

    def _trails(self) -> list[BatchTrail]:
        with self.db() as session:
            return read_batch_trails(session)

    def _trail(self, batch_id: UUID) -> BatchTrail:
        return next(trail for trail in self._trails() if trail.batch.id == batch_id)

    def _line(self, what: str, text: str) -> None:
        self.console.print(f"  {what:<10} {text}", markup=False)


def _collecting(trail: BatchTrail) -> str:
    return f"collected {trail.batch.tweet_count:,} of {trail.batch.target:,}"


def _collected(trail: BatchTrail) -> str:
    batch = trail.batch
    left_out = ", ".join(f"{reason} {count:,}" for reason, count in sorted(batch.filtered.items()))
    rate = f", {batch.viral_rate:.1%} of them viral" if batch.viral_rate is not None else ""
    return f"{batch.tweet_count:,} of {batch.target:,} tweets{rate}" + (
        f"; left out: {left_out}" if left_out else ""
    )
