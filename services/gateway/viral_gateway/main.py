"""The gateway's process."""

from __future__ import annotations

import signal
import sys

import uvicorn
from viral_common.logging import configure_logging
from viral_common.settings import load_settings

from viral_gateway.runtime import build_app
from viral_gateway.settings import GatewaySettings

# How long a stop waits for replies under way.
GRACE_S = 10


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    # uvicorn ends in order and then raises the signal again: an asked-for stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = load_settings(GatewaySettings)
    configure_logging("gateway", settings)
    uvicorn.run(
        build_app(settings),
        host=settings.gateway_host,
        port=settings.gateway_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
