"""Start the stack, watch its batches, print the addresses and one command to try (`viral demo`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from viral_common.archive.bad_rows import BadRows, summarise_bad_rows
from viral_common.archive.reader import read_rows
from viral_common.bus import operations
from viral_common.errors import UsageError, ViralError

from viral_local.commands.gateway_client import format_curl_command, predict_example, read_served_version
from viral_local.commands.tables import console, make_addresses_table
from viral_local.commands.trails import open_database
from viral_local.commands.watch import Watch
from viral_local.stack.plan import Plan
from viral_local.stack.stack import Stack

# So that the demo takes minutes: some batches, each large enough to learn from.
BATCHES = 4
SMALLEST_BATCH, LARGEST_BATCH = 1_000, 10_000
SIMULATED_BATCH = 6_000
# Measured on archives of several queries: what the filters keep of the rows.
KEPT_SHARE = 0.6
# From so many rows on batches are no larger.
MANY = math.ceil(BATCHES * LARGEST_BATCH / KEPT_SHARE)


@dataclass(frozen=True)
class Demo:
    """Run the demo; on a stack that is up already it shows what has happened there."""

    stack: Stack

    def run(self, tweets: Path | None) -> int:
        """Return the exit code: 0 only if a model is served in the end."""
        choices = self.choose_settings(tweets)
        before = self.stack.plan().choices if self.stack.is_running else None
        try:
            plan = self.stack.up(choices)
            with open_database(plan) as db:
                Watch(plan, db, console).follow_batches()
        except ViralError:
            if choices and self.stack.is_running:
                self.stack.choose_again(before)
            raise
        return self._end(plan)

    def choose_settings(self, tweets: Path | None) -> dict[str, str] | None:
        """Choose settings for the services; None leaves them as they are."""
        settings = self.stack.settings
        if tweets is not None:
            size = settings.batch_size or choose_batch_size(_count_rows(tweets))
            return {
                "VIRAL_SOURCE": "archive",
                "VIRAL_ARCHIVE_PATHS": str(tweets.absolute()),
                "VIRAL_BATCH_SIZE": str(size),
            }
        if settings.source or (self.stack.is_running and self.stack.plan().choices):
            return None
        return {"VIRAL_SOURCE": "simulated", "VIRAL_BATCH_SIZE": str(settings.batch_size or SIMULATED_BATCH)}

    def _end(self, plan: Plan) -> int:
        if letters := operations.list_dead_letters(plan.rabbitmq_url):
            console.print(f"\n[yellow]{len(letters)} dead letters[/yellow]: see `viral dead-letters list`")
        console.print()
        console.print(make_addresses_table(plan))
        gateway = plan.format_health_url("gateway")
        version, answer = read_served_version(gateway), predict_example(gateway)
        if version is None:
            raise ViralError(
                "no model is served: the verdicts above say why; `viral status` shows what is missing"
            )
        console.print("\nTry it:\n")
        console.print(format_curl_command(gateway), markup=False)
        if answer is None:  # it asks for a key that is not known here
            console.print(f"\n[dim]version {version} serves, to who has a key[/dim]")
            return 0
        probability = answer["predictions"][0]["probability"]
        console.print(f"\n[dim]version {version} answers: {probability:.1%} likely to be viral[/dim]")
        return 0


def choose_batch_size(rows: int) -> int:
    """Choose about BATCHES batches out of a file of so many rows."""
    return min(max(round(rows * KEPT_SHARE / BATCHES), SMALLEST_BATCH), LARGEST_BATCH)


def _count_rows(path: Path) -> int:
    """Count rows of the file that can be read, MANY at most. Raises UsageError if there is none."""
    bad = BadRows()
    count = sum(1 for _ in islice(read_rows(path, bad), MANY))
    if not count:
        raise UsageError(
            f"no tweet in {path}: {summarise_bad_rows(bad.by_reason)}; give a file of Twint, snscrape or X's API"
        )
    return count
