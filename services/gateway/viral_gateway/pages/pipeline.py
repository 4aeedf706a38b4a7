"""Read all that the pipeline page shows, a page of batches at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from viral_common.database.tables import AuditEntry

from viral_gateway.api.record_schemas import BatchOut
from viral_gateway.gateway import Gateway
from viral_gateway.monitoring.live_drift import LiveDrift
from viral_gateway.pages.auc_chart import AucChart
from viral_gateway.pages.batch_steps import BatchSteps
from viral_gateway.serving.champion import Serving

SHOWN_BATCHES = 30
SHOWN_ACTS = 20


@dataclass(frozen=True)
class PipelineView:
    """Hold what it shows; page 1 has the newest batches."""

    page: int
    batches: list[BatchSteps] = field(default_factory=list)
    chart: AucChart | None = None
    older: bool = False
    champion_seq: int = 0
    logs_predictions: bool = False
    live: LiveDrift | None = None
    acts: Sequence[AuditEntry] | None = None
    """What was done by hand; None: not for whoever looks."""
    away: str | None = None
    """Why there is nothing to show."""

    @classmethod
    def from_gateway(
        cls, gateway: Gateway, serving: Serving | None, page: int, *, with_audit: bool = False
    ) -> Self:
        """Read what there is. Raises ServerAway."""
        # One more than is shown, to know whether there are older ones.
        trails = gateway.records.read_batches(SHOWN_BATCHES + 1, (page - 1) * SHOWN_BATCHES)
        champion = gateway.records.read_champion()
        live = gateway.live.measure_drift(serving) if serving else None
        acts = gateway.records.read_newest_acts(SHOWN_ACTS) if with_audit else None
        batches = [BatchOut.from_trail(trail) for trail in trails[:SHOWN_BATCHES]]
        now, order_wait = datetime.now(UTC), gateway.settings.order_wait
        return cls(
            page,
            [BatchSteps.from_batch(batch, batches, now, order_wait) for batch in batches],
            AucChart.from_batches(batches),
            len(trails) > SHOWN_BATCHES,
            champion.promotion_seq if champion else 0,
            gateway.settings.log_predictions,
            live,
            acts,
        )

    @property
    def first(self) -> int:
        """The first batch's number, counted from the newest."""
        return (self.page - 1) * SHOWN_BATCHES + 1

    @property
    def simulated(self) -> bool:
        """Whether any batch on the page is made up."""
        return any(shown.batch.simulated for shown in self.batches)
