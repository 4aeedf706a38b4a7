"""Run the gateway's process."""

from __future__ import annotations

import signal
import sys
from typing import Any

import uvicorn
from viral_common.logging import configure_logging
from viral_common.settings import load_settings
from viral_common.signing.trust import make_trust

from viral_gateway.middleware.tls import find_certificate, make_server_options
from viral_gateway.settings import GatewaySettings, split_commas
from viral_gateway.workers import run_workers

# How long a stop waits for replies under way.
GRACE_S = 10


def main(workers: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, with `workers` processes (default: as the settings say)."""
    # uvicorn ends in order and then raises the signal again: an asked-for stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = load_settings(GatewaySettings)
    configure_logging("gateway", settings)
    make_trust(settings)  # what is wrong with it is reported once, not by each worker
    options: dict[str, Any] = {
        "host": settings.gateway_host,
        "port": settings.gateway_port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_S,
        **make_server_options(",".join(split_commas(settings.trusted_proxies)), find_certificate(settings)),
    }
    if (workers or settings.gateway_workers) > 1:
        run_workers(workers or settings.gateway_workers, settings.data_dir / "gateway", options)
    else:
        from viral_gateway.runtime import build_app

        uvicorn.run(build_app(settings), **options)
