"""Run several processes on one port: each a whole gateway with its own queue, its own model and its own swaps."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from viral_common.logging import configure_logging
from viral_common.settings import load_settings

from viral_gateway.settings import GatewaySettings
from viral_gateway.telemetry import SHARED_TELEMETRY


def run_workers(count: int, directory: Path, options: dict[str, Any]) -> None:
    """Bind the port, start the workers and replace those that die, until SIGTERM or SIGINT ends them all."""
    shared = _make_telemetry_folder(directory)
    os.environ[SHARED_TELEMETRY] = str(shared)
    uvicorn.run("viral_gateway.workers:build_worker_app", factory=True, workers=count, **options)
    shutil.rmtree(shared)


def _make_telemetry_folder(directory: Path) -> Path:
    """Make an empty folder for this process; those of gateways that were killed go."""
    own = directory / f"telemetry-{os.getpid()}"
    for old in directory.glob("telemetry-*"):
        if old == own or not _is_alive(int(old.name.partition("-")[2])):
            shutil.rmtree(old, ignore_errors=True)
    own.mkdir(parents=True)
    return own.absolute()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # somebody else's
    return True


def build_worker_app() -> FastAPI:
    """Build one worker's application, in its own process."""
    from viral_gateway.runtime import build_app  # only now: the parent needs none of it

    settings = load_settings(GatewaySettings)
    configure_logging("gateway", settings)
    threading.Thread(target=_follow_parent, name="follow parent", daemon=True).start()
    _forget_dead_workers(Path(os.environ[SHARED_TELEMETRY]))
    return build_app(settings)


def _follow_parent() -> None:
    """End with a parent that was killed: a worker left behind would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _forget_dead_workers(shared: Path) -> None:
    """Drop what a dead worker was (its version, its listeners); what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    for pid in {int(path.stem.rpartition("_")[2]) for path in shared.glob("gauge_live*.db")}:
        if not _is_alive(pid):
            mark_process_dead(pid, str(shared))  # type: ignore[no-untyped-call]
