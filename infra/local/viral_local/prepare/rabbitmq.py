"""Prepare RabbitMQ: users with their permissions, exchanges and queues, the trace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from viral_common.bus.operations import prepare_broker
from viral_common.bus.topology import DEAD_LETTERS, EVENTS

from viral_local.prepare.rest import open_api
from viral_local.prepare.secret_files import RABBITMQ, SecretFiles

TRACE = "viral"
# What is published on the product's exchanges; deliveries would only repeat it, and long bodies fill the disk.
TRACED = {"format": "text", "pattern": "publish.viral.#", "max_payload_bytes": 10_000}
OWN_PROMOTIONS = r"^gateway\.model-promoted\."
NOTHING, EVERYTHING = "^$", ".*"


@dataclass(frozen=True)
class Permissions:
    """Hold what a user may do, as regular expressions: of names, and of events published and received."""

    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING
    publishes: str = NOTHING
    receives: str = NOTHING
    tags: str = ""


def _match(*names: str) -> str:
    """Match these names alone."""
    return "|".join(f"^{re.escape(name)}$" for name in names)


def _build_service(event: str, queue: str = "") -> Permissions:
    write = _match(EVENTS, DEAD_LETTERS) if queue else _match(EVENTS)
    return Permissions(write=write, read=_match(queue), publishes=_match(event))


def _build_listener(queues: str, events: str) -> Permissions:
    """Build what an exclusive queue of one's own takes, bound to events of others."""
    return Permissions(queues, queues, f"{queues}|{_match(EVENTS)}", receives=events)


USERS = {
    "scraper": _build_service("batch.collected"),
    "trainer": _build_service("model.trained", "trainer.batch-collected"),
    "evaluator": _build_service("model.promoted", "evaluator.model-trained"),
    "gateway": replace(
        _build_listener(OWN_PROMOTIONS, _match("model.promoted")),
        write=f"{OWN_PROMOTIONS}|{_match(DEAD_LETTERS)}",
    ),
    "notifier": _build_listener(r"^notifier\.", EVERYTHING),
    # The console shows traces, and lets messages be looked at, to administrators alone.
    "operator": Permissions(EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING, "administrator"),
    "tracer": Permissions(
        r"^amq\.gen", r"^amq\.gen", r"^amq\.gen|^amq\.rabbitmq\.trace$", receives=EVERYTHING
    ),
}


def prepare_rabbitmq(console_url: str, broker_url: str, files: SecretFiles) -> None:
    """Make users, permissions, topology and trace, asking the console with the administrator in its address."""
    prepare_users(console_url, files.read_all(RABBITMQ))
    prepare_broker(broker_url)
    prepare_trace(console_url, files.read("tracer", RABBITMQ))


def prepare_users(console_url: str, passwords: Mapping[str, str], vhost: str = "/") -> None:
    """Make the users, or give them these passwords, and let each do its part in the virtual host."""
    with open_api(console_url, "RabbitMQ's console") as console:
        for user, password in passwords.items():
            may = USERS[user]
            topics = {"exchange": EVENTS, "write": may.publishes, "read": may.receives}
            names = {"configure": may.configure, "write": may.write, "read": may.read}
            where = f"{quote(vhost, safe='')}/{user}"
            console.send("PUT", f"/api/users/{user}", {"password": password, "tags": may.tags})
            console.send("PUT", f"/api/permissions/{where}", names)
            console.send("PUT", f"/api/topic-permissions/{where}", topics)


def prepare_trace(console_url: str, password: str) -> None:
    """Let the console's Tracing page show what is published, read by an account that can do nothing else."""
    reader = {"tracer_connection_username": "tracer", "tracer_connection_password": password}
    with open_api(console_url, "RabbitMQ's console") as console:
        path = f"/api/traces/%2F/{TRACE}"
        if not console.find(path):
            console.send("PUT", path, {**TRACED, **reader})
