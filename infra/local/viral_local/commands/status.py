"""Find what runs, whether it is ready, and how far the pipeline is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from viral_local.process.logs import count_restarts
from viral_local.process.supervisor import Supervisor
from viral_local.servers import mlflow, postgres, rabbitmq, services
from viral_local.stack.plan import Plan

_ORDER = ("postgres", "epmd", "rabbitmq", "mlflow", *services.SERVICES)


@dataclass(frozen=True)
class ProgramStatus:
    """Hold a program's state.

    `outage` is None if it is ready, else what is missing in words; `doing` may say what it is at.
    """

    name: str
    state: str
    pid: int | None
    uptime_s: int | None
    restarts: int
    outage: str | None
    doing: str = ""


def read_program_statuses(plan: Plan, supervisor: Supervisor) -> list[ProgramStatus]:
    """Read the state of every program the stack started, each asked now."""
    counts = count_restarts(plan.home)
    return [
        _make_status(info, counts.get(name, 0), *_find_outage_and_activity(plan, name, info["statename"]))
        for name, info in sorted(supervisor.read_states().items(), key=lambda item: _ORDER.index(item[0]))
    ]


def _make_status(info: dict[str, Any], restarted: int, outage: str | None, doing: str) -> ProgramStatus:
    alive = bool(info["pid"])
    return ProgramStatus(
        name=info["name"],
        state=info["statename"].lower(),
        pid=info["pid"] if alive else None,
        uptime_s=max(0, info["now"] - info["start"]) if alive else None,
        restarts=restarted,
        outage=outage,
        doing=doing,
    )


def _find_outage_and_activity(plan: Plan, name: str, state: str) -> tuple[str | None, str]:
    if state not in ("RUNNING", "STARTING"):
        return "waits for its next start" if state == "BACKOFF" else "not running", ""
    if name in services.SERVICES:
        health = services.ask_health(plan.format_health_url(name))
        outage = ("; ".join(health.missing) or None) if health.live else "does not answer"
        return outage, "; ".join(health.doing)
    return _find_server_outage(plan, name), ""


def _find_server_outage(plan: Plan, name: str) -> str | None:
    match name:
        case "postgres":
            return postgres.find_outage(plan.home, plan.ports["postgres"])
        case "rabbitmq":
            return rabbitmq.find_outage(plan.console_login_url)
        case "mlflow":
            return mlflow.find_outage(plan.mlflow_login_url)
        case _:
            return None
