"""Run the processes that answer on one port: each a whole gateway with its own queue, its own model and its own swaps.

gunicorn opens the port and watches them. A worker that died or hangs is forked anew at once from this process, which
has imported everything, and callers wait in the port's queue meanwhile.
"""

from __future__ import annotations

import gc
import os
import signal
from typing import Any

import uvicorn
from fastapi import FastAPI
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from viral_gateway import telemetry
from viral_gateway.middleware.graceful_server import GracefulServer
from viral_gateway.middleware.tls import find_certificate, make_server_options
from viral_gateway.runtime import build_app
from viral_gateway.settings import GatewaySettings, split_commas
from viral_gateway.shared_telemetry import forget_process

# How long a stop waits for replies under way, then for all else.
GRACE_S = 10
STOP_S = 18
# Without a beat of its event loop for so long a worker hangs.
HANGING_S = 15


class Supervisor(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Keep `count` workers until SIGTERM or SIGINT ends them. Raises UsageError for TLS files that cannot serve."""

    def __init__(self, settings: GatewaySettings, count: int) -> None:
        self._settings, self._count = settings, count
        proxies = ",".join(split_commas(settings.trusted_proxies))
        self.server_options: dict[str, Any] = {
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "timeout_graceful_shutdown": GRACE_S,
            **make_server_options(proxies, find_certificate(settings)),
        }
        super().__init__()
        forget_process(os.getpid())  # it serves no model
        gc.freeze()  # what is imported: a worker's garbage collector would copy what it walks

    def load_config(self) -> None:
        host = self._settings.gateway_host
        for name, value in {
            "bind": f"{f'[{host}]' if ':' in host else host}:{self._settings.gateway_port}",
            "workers": self._count,
            "worker_class": GatewayWorker,
            "logger_class": _Logger,
            "timeout": HANGING_S,
            "graceful_timeout": STOP_S,
            "control_socket_disable": True,
            "child_exit": lambda _arbiter, worker: forget_process(worker.pid),
        }.items():
            self.cfg.set(name, value)

    def load(self) -> FastAPI:
        """Build a worker's application, in its own process."""
        telemetry.MODEL_VERSION.set(
            0
        )  # until then it would not count among those of which the oldest is shown
        return build_app(self._settings)


class GatewayWorker(Worker):  # type: ignore[misc]
    """Serve by uvicorn. With a parent that was killed it ends, too: left behind it would keep the port."""

    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def run(self) -> None:
        server = GracefulServer(uvicorn.Config(self.wsgi, **self.app.server_options), self._report_alive)
        signal.signal(signal.SIGQUIT, server.handle_exit)  # gunicorn's word for SIGINT
        server.run([listener.sock for listener in self.sockets])

    def _report_alive(self) -> None:
        self.notify()
        if os.getppid() != self.ppid:
            os.kill(os.getpid(), signal.SIGTERM)


class _Logger(Logger):  # type: ignore[misc]
    """Log as everything else does."""

    def setup(self, _cfg: object) -> None:
        self.error_log.propagate = True
