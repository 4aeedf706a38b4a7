"""All that the pipeline page shows, a page of batches at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from viral_common.errors import ServerAway

from viral_gateway.api.batch_schemas import BatchOut
from viral_gateway.gateway import Gateway
from viral_gateway.monitoring.live_drift import LiveDrift
from viral_gateway.pages.auc_chart import AucChart
from viral_gateway.pages.batch_steps import BatchWay
from viral_gateway.pages.training_queue import Place
from viral_gateway.serving.champion import Serving

SHOWN_BATCHES = 30


@dataclass(frozen=True)
class PipelineView:
    """Page 1 has the newest batches."""

    page: int
    ways: list[BatchWay] = field(default_factory=list)
    chart: AucChart | None = None
    older: bool = False
    champion_seq: int = 0
    remembers: bool = False
    live: LiveDrift | None = None
    away: str | None = None
    """Why there is nothing to show."""

    @classmethod
    def of(cls, gateway: Gateway, serving: Serving | None, page: int) -> PipelineView:
        """Without Postgres it says so and is otherwise empty."""
        try:
            return cls._read(gateway, serving, page)
        except ServerAway as error:
            return cls(page, away=str(error))

    @classmethod
    def _read(cls, gateway: Gateway, serving: Serving | None, page: int) -> PipelineView:
        # One more than is shown tells whether there are older ones.
        trails = gateway.records.batches(SHOWN_BATCHES + 1, (page - 1) * SHOWN_BATCHES)
        batches = [BatchOut.of(trail) for trail in trails[:SHOWN_BATCHES]]
        now, order_wait = datetime.now(UTC), gateway.settings.order_wait
        champion = gateway.records.champion()
        return cls(
            page,
            ways=[BatchWay.of(batch, Place.of(batch, batches, now, order_wait)) for batch in batches],
            chart=AucChart.of(batches),
            older=len(trails) > SHOWN_BATCHES,
            champion_seq=champion.promotion_seq if champion else 0,
            remembers=gateway.settings.log_predictions,
            live=gateway.live.drift(serving) if serving else None,
        )

    @property
    def first(self) -> int:
        """The first batch's number, counted from the newest."""
        return (self.page - 1) * SHOWN_BATCHES + 1

    @property
    def simulated(self) -> bool:
        """Whether any batch on the page is made up."""
        return any(way.batch.simulated for way in self.ways)
