"""What runs, whether it is ready, and how far the pipeline is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from viral_local.process.logs import restarts
from viral_local.process.supervisor import Supervisor
from viral_local.servers import mlflow, postgres, rabbitmq, services
from viral_local.stack.plan import Plan

_ORDER = ("postgres", "epmd", "rabbitmq", "mlflow", *services.SERVICES)


@dataclass(frozen=True)
class ProgramStatus:
    """`trouble` is None if it is ready, else what is missing in words; `doing` may say what it is at."""

    name: str
    state: str
    pid: int | None
    uptime_s: int | None
    restarts: int
    trouble: str | None
    doing: str = ""


def program_statuses(plan: Plan, supervisor: Supervisor) -> list[ProgramStatus]:
    """Of every program the stack started, each asked now."""
    counts = restarts(plan.home)
    return [
        _status(info, counts.get(name, 0), *_trouble_and_doing(plan, name, info["statename"]))
        for name, info in sorted(supervisor.states().items(), key=lambda item: _ORDER.index(item[0]))
    ]


def _status(info: dict[str, Any], restarted: int, trouble: str | None, doing: str) -> ProgramStatus:
    alive = bool(info["pid"])
    return ProgramStatus(
        name=info["name"],
        state=info["statename"].lower(),
        pid=info["pid"] if alive else None,
        uptime_s=max(0, info["now"] - info["start"]) if alive else None,
        restarts=restarted,
        trouble=trouble,
        doing=doing,
    )


def _trouble_and_doing(plan: Plan, name: str, state: str) -> tuple[str | None, str]:
    if state not in ("RUNNING", "STARTING"):
        return "waits for its next start" if state == "BACKOFF" else "not running", ""
    if name in services.SERVICES:
        health = services.health(plan.health_url(name))
        trouble = ("; ".join(health.missing) or None) if health.live else "does not answer"
        return trouble, "; ".join(health.doing)
    return _server_trouble(plan, name), ""


def _server_trouble(plan: Plan, name: str) -> str | None:
    match name:
        case "postgres":
            return postgres.answers(plan.home, plan.ports["postgres"])
        case "rabbitmq":
            return rabbitmq.answers(plan.console_url, plan.passwords["rabbitmq"])
        case "mlflow":
            return mlflow.answers(plan.mlflow_url)
        case _:
            return None
