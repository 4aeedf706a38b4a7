"""Keep the alias `champion` in MLflow at the newest promotion in Postgres."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog
from viral_common.database.engine import Sessions
from viral_common.errors import summarise_error
from viral_common.stores import ledger

log = structlog.get_logger()


class AliasTarget(Protocol):
    """Be the part of the registry that holds aliases."""

    def set_alias(self, alias: Literal["champion", "challenger"], version: int) -> None:
        """Point an alias at a version."""


@dataclass(frozen=True)
class AliasFollower:
    """Repeat to MLflow, as often as it takes, who is champion by Postgres (docs/decisions/0002)."""

    sessions: Sessions
    registry: AliasTarget
    every_s: float

    def follow(self) -> None:
        """Point the alias at the newest champion, whichever event this is about. Raises ServerAway without MLflow."""
        with self.sessions() as session:
            champion = ledger.find_champion(session)
        if champion is not None:
            self.registry.set_alias("champion", champion.model_version)

    def run(self, stopping: threading.Event) -> None:
        """Follow until `stopping`, for promotions made by hand or while MLflow was away."""
        while not stopping.wait(self.every_s):
            try:
                self.follow()
            except Exception as error:  # noqa: BLE001  (the thread's edge: it must outlive everything)
                log.warning("alias not followed; trying again", reason=summarise_error(error))
