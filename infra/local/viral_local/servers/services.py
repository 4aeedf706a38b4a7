"""Make the four services' programs, and ask them for their health."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import httpx

from viral_local.errors import StackError
from viral_local.http_client import open_http
from viral_local.ports import LOOPBACK
from viral_local.process.program import BEHIND_REPLIES, Program

SERVICES = ("scraper", "trainer", "evaluator", "gateway")


@dataclass(frozen=True)
class Health:
    """Hold what a service's /health/ready says; `live` is False if nobody answered.

    `doing`: what it is at, if it says.
    """

    live: bool
    missing: tuple[str, ...] = ()
    doing: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return self.live and not self.missing


def make_program(name: str, ports: dict[str, int], urls: dict[str, str]) -> Program:
    """Make a service's program.

    `urls` are the VIRAL_* settings that the stack decides; the person's own VIRAL_* settings pass through.
    """
    command = Path(sysconfig.get_path("scripts")) / f"viral-{name}"
    if not command.exists():
        raise StackError(f"{command} is missing: run `make setup` or `pip install -e '.[all]'`")
    mine = (
        {"VIRAL_GATEWAY_HOST": LOOPBACK, "VIRAL_GATEWAY_PORT": str(ports[name])}
        if name == "gateway"
        else {"VIRAL_HEALTH_HOST": LOOPBACK, "VIRAL_HEALTH_PORT": str(ports[name])}
    )
    given = {key: value for key, value in os.environ.items() if key.startswith("VIRAL_")}
    return Program(
        name=name,
        group="services",
        command=[str(command), "run"],
        env={**given, **urls, **mine},
        cwd=str(Path.cwd()),
        inherit_env=True,
        niceness=0 if name == "gateway" else BEHIND_REPLIES,
    )


def ask_health(url: str) -> Health:
    """Ask /health/ready; its body names what is missing."""
    try:
        with open_http(url, timeout_s=5) as service:
            reply = service.get("/health/ready")
        body = reply.json()
    except (httpx.TransportError, ValueError):
        return Health(live=False)
    doing = tuple(map(str, body.get("doing") or ()))
    if reply.is_success:
        return Health(live=True, doing=doing)
    missing = tuple(map(str, body.get("missing") or [body.get("detail", "not ready")]))
    return Health(live=True, missing=missing, doing=doing)
