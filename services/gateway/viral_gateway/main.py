"""Run the gateway's processes."""

from __future__ import annotations

import signal
import sys

from viral_common.logging import configure_logging
from viral_common.settings import load_settings
from viral_common.signing.trust import make_trust

from viral_gateway.settings import GatewaySettings
from viral_gateway.shared_telemetry import share_telemetry


def main(workers: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, with `workers` processes (default: as the settings say)."""
    # Until the workers' supervisor has handlers of its own: an asked-for stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = load_settings(GatewaySettings)
    configure_logging("gateway", settings)
    make_trust(settings)  # what is wrong with it is reported once, not by each worker
    if (count := workers or settings.gateway_workers) > 1:
        share_telemetry(settings.data_dir / "gateway")
    from viral_gateway.workers import Supervisor  # only now: it imports prometheus_client

    Supervisor(settings, count).run()
