"""Read from the stack's database how far the pipeline is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from viral_common.database.engine import Sessions, connect, make_sessions, require_schema
from viral_common.settings import CommonSettings
from viral_common.stores.trail import BatchTrail, read_batch_trails

from viral_local.stack.plan import Plan


@contextmanager
def open_database(plan: Plan) -> Iterator[Sessions]:
    """Open the stack's database."""
    urls = {"database_url": plan.database_url, "rabbitmq_url": plan.rabbitmq_url}
    engine = connect(CommonSettings.model_validate(urls), "viral")
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()


def read_newest_trails(plan: Plan, limit: int = 5) -> list[BatchTrail]:
    """Read the newest batches first. Raises UsageError where the tables are not this version's."""
    with open_database(plan) as db:
        require_schema(db)
        with db() as session:
            return read_batch_trails(session, limit)
