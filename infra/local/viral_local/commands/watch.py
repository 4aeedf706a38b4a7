"""Watch the pipeline batch by batch as it happens: collected, trained, judged, served."""

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

from viral_local.commands.gateway_client import read_served_version
from viral_local.commands.training_progress import find_newest_run
from viral_local.servers import services
from viral_local.stack.plan import Plan

POLL_S = 0.5
# On a pipe there is no line to overwrite, so progress is shown this often.
SHOW_EVERY_S = 5.0
SWAP_TIMEOUT_S = 60
# Long enough to train on a large batch on a slow machine.
TIMEOUT_S = 1800
# A source that never ends is not watched for ever.
MOST_BATCHES = 20


@dataclass
class Watch:
    """Watch what the services record, asking them only what they publish."""

    plan: Plan
    db: Sessions
    console: Console

    def follow_batches(self) -> int:
        """Follow every batch of the source until it has no more; returns how many there were."""
        shown = 0
        for batch_id in self._find_batches():
            shown += 1
            self._follow_batch(shown, batch_id)
            if shown == MOST_BATCHES:
                break
        return shown

    def _find_batches(self) -> Iterator[UUID]:
        """Yield batches in the order they were begun in. Raises ViralError if the scraper cannot collect."""
        seen: set[UUID] = set()
        last_news = time.monotonic()
        while True:
            waiting = [
                trail.batch.id for trail in reversed(self._read_trails()) if trail.batch.id not in seen
            ]
            if waiting:
                seen.add(waiting[0])
                yield waiting[0]
                last_news = time.monotonic()
            elif self._is_exhausted():
                return
            elif time.monotonic() - last_news > TIMEOUT_S:
                raise ViralError("nothing has been collected for half an hour; see `viral logs scraper`")
            else:
                self._check_scraper()
                time.sleep(POLL_S)

    def _follow_batch(self, number: int, batch_id: UUID) -> None:
        batch = self._read_trail(batch_id).batch
        window = f"{batch.window_from:%Y-%m-%d} to {batch.window_to:%Y-%m-%d}"
        self.console.print(f"\n[bold]Batch {number}[/bold]  {batch.source}, {window}")
        trail = self._wait_until(
            batch_id, lambda trail: trail.batch.collected_at is not None, _format_collecting
        )
        self._print_line("collected", _format_collected(trail))
        if not trail.batch.tweet_count:
            return
        trail = self._wait_until(
            batch_id, lambda trail: bool(trail.training or trail.verdict), self._format_training
        )
        if trail.training:
            run = find_newest_run(self.plan.mlflow_login_url, batch_id)
            self._print_line(
                "trained",
                f"version {trail.training.model_version}" + (f": {run.format_result()}" if run else ""),
            )
        trail = self._wait_until(
            batch_id, lambda trail: trail.verdict is not None, lambda _: "scoring both models"
        )
        if trail.verdict:
            self._print_line("verdict", f"{trail.verdict.outcome}: {trail.verdict.reason}")
        if trail.verdict and trail.verdict.outcome == "promoted" and trail.verdict.challenger_version:
            self._follow_swap(trail.verdict.challenger_version)

    def _follow_swap(self, version: int) -> None:
        deadline = time.monotonic() + SWAP_TIMEOUT_S
        while (
            served := read_served_version(self.plan.format_health_url("gateway"))
        ) is None or served < version:
            if time.monotonic() > deadline:
                self._print_line(
                    "promoted", f"the gateway did not swap to version {version}; see `viral logs gateway`"
                )
                return
            time.sleep(POLL_S)
        now = "gateway now serves" if served == version else f"version {version}; by now the gateway serves"
        self._print_line("promoted", f"{now} version {served}")

    def _wait_until(
        self, batch_id: UUID, reached: Callable[[BatchTrail], bool], progress: Callable[[BatchTrail], str]
    ) -> BatchTrail:
        """Wait for a step of the batch, showing how far it is."""
        deadline, last, shown_at = time.monotonic() + TIMEOUT_S, "", time.monotonic()
        spinner = self.console.status("") if self.console.is_terminal else nullcontext()
        with spinner as status:
            while not reached(trail := self._read_trail(batch_id)):
                now = progress(trail)
                if status is not None:
                    status.update(now)
                elif now != last and time.monotonic() - shown_at >= SHOW_EVERY_S:
                    self._print_line("", now)
                    last, shown_at = now, time.monotonic()
                if time.monotonic() > deadline:
                    raise ViralError(
                        f"batch {batch_id} has not moved for half an hour ({now}); see `viral status`"
                    )
                time.sleep(POLL_S)
        return trail

    def _format_training(self, trail: BatchTrail) -> str:
        run = find_newest_run(self.plan.mlflow_login_url, trail.batch.id)
        return f"training: {run.format_live()}" if run else "waiting for the trainer"

    def _is_exhausted(self) -> bool:
        """Check whether the scraper says that its source has no more."""
        try:
            metrics = httpx.get(
                f"{self.plan.format_health_url('scraper')}/metrics", timeout=5, trust_env=False
            ).text
        except httpx.TransportError:
            return False
        return "\nviral_source_exhausted 1.0" in metrics

    def _check_scraper(self) -> None:
        if missing := services.ask_health(self.plan.format_health_url("scraper")).missing:
            raise ViralError(f"the scraper cannot collect: {'; '.join(missing)}")

    def _read_trails(self) -> list[BatchTrail]:
        with self.db() as session:
            return read_batch_trails(session)

    def _read_trail(self, batch_id: UUID) -> BatchTrail:
        return next(trail for trail in self._read_trails() if trail.batch.id == batch_id)

    def _print_line(self, what: str, text: str) -> None:
        self.console.print(f"  {what:<10} {text}", markup=False)


def _format_collecting(trail: BatchTrail) -> str:
    return f"collected {trail.batch.tweet_count:,} of {trail.batch.target:,}"


def _format_collected(trail: BatchTrail) -> str:
    batch = trail.batch
    left_out = ", ".join(f"{reason} {count:,}" for reason, count in sorted(batch.filtered.items()))
    rate = f", {batch.viral_rate:.1%} of them viral" if batch.viral_rate is not None else ""
    return f"{batch.tweet_count:,} of {batch.target:,} tweets{rate}" + (
        f"; left out: {left_out}" if left_out else ""
    )
