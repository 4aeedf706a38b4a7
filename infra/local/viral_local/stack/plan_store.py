"""Store what the stack was started with: a running stack keeps to it, and the next start keeps its ports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from viral_common.errors import UsageError

from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.ports import LOOPBACK, PREFERRED, choose_ports, is_free, pick_free_ports
from viral_local.private_files import read_json, write_private_json
from viral_local.settings import LocalSettings
from viral_local.signing_keys import SIGNERS_FILE, choose_signers_file, make_missing_keys
from viral_local.stack.plan import Given, Plan

# By which amqps is known; on loopback RabbitMQ keeps one port, encrypted or not.
AMQPS_PORT = 5671
KNOWN = ("postgres", "rabbitmq", "mlflow")


def make_plan(
    home: Home,
    settings: LocalSettings,
    choices: Mapping[str, str] | None,
    any_ports: bool,
    keep_given: bool = False,
    only_servers: bool = False,
) -> Plan:
    """Make the plan of a cold start. `choices` are settings for the scraper; None: those of the last start.

    `keep_given`: also servers that were given then and are not mentioned now.
    """
    last = load_plan(home) if home.plan_file.exists() else Plan(home, Given(), {}, {})
    kept = dict(last.ports)
    if "gateway_port" in settings.model_fields_set:
        kept.pop("gateway", None)
    bind = _choose_bind_address(settings, last) if only_servers else LOOPBACK
    preferred = {**PREFERRED, "gateway": settings.gateway_port}
    if bind != LOOPBACK:
        preferred["rabbitmq"] = AMQPS_PORT
    if any_ports and not kept:
        ports = pick_free_ports(PREFERRED)
    else:
        ports = choose_ports(kept, preferred, lambda port: is_free(port) and is_free(port, bind))
    moved = [str(kept[name]) for name in KNOWN if kept.get(name, ports[name]) != ports[name]]
    if bind != LOOPBACK and moved:
        raise StackError(f"somebody else listens on {', '.join(moved)}, which other hosts know: end that")
    if choices is None:
        choices = keep_choices(last.choices, settings)
    names = tuple(settings.cert_hosts.split()) or last.names
    given = find_given_servers(settings, last, keep_given)
    plan = Plan(home, given, ports, dict(choices), only_servers, bind, names)
    plan.secrets.make()
    # Where a person names the trusted signers, the keys are theirs too.
    if choose_signers_file(home.root) == home.root / SIGNERS_FILE:
        make_missing_keys(plan.secrets.root, home.root / SIGNERS_FILE)
    save_plan(plan, settings.tls if bind == LOOPBACK else True)
    return plan


def _choose_bind_address(settings: LocalSettings, last: Plan) -> str:
    """Choose the one asked for, else that of the last start. Raises UsageError for one that cannot be."""
    bind = str(settings.bind_address or last.bind)
    if bind != LOOPBACK and settings.tls is False:
        raise UsageError("connections from other hosts are always encrypted: leave out VIRAL_TLS=false")
    if bind == "0.0.0.0" or not is_free(0, bind):  # noqa: S104  (refused)
        raise UsageError(f"{bind} is no address of this host: `ip -brief address` lists them")
    return bind


def find_given_servers(settings: LocalSettings, last: Plan, keep: bool = False) -> Given:
    """Find those given, without the stack's own of the last start: a shell that has read `stack.env` gives these.

    `keep`: what is not mentioned is as it was.
    """
    given = Given.from_settings(settings).model_dump()
    if not last.ports:
        return Given(**given)
    own = replace(last, given=Given()).make_service_settings()
    before = last.given.model_dump()
    for name, url in given.items():
        if before[name] is None and url and _locate(url) == _locate(own.get(f"VIRAL_{name.upper()}", "")):
            given[name] = None
        elif url is None and keep:
            given[name] = before[name]
    return Given(**given)


def _locate(url: str) -> tuple[str, str]:
    """Say where an address leads, whoever asks there and whomever they trust."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2], parts.path.rstrip("/")


def keep_choices(last: Mapping[str, str], settings: LocalSettings) -> dict[str, str]:
    """Keep what was once chosen, unless the environment or `.env` says otherwise now."""
    if settings.source is not None:
        return {}
    return {name: value for name, value in last.items() if name not in os.environ}


def load_plan(home: Home) -> Plan:
    """Load the plan of the stack that is up, whatever the settings say by now."""
    last = read_json(home.plan_file) or {}
    return Plan(
        home,
        Given(**last["given"]),
        last["ports"],
        last["choices"],
        last["only_servers"],
        last["bind"],
        tuple(last["names"]),
    )


def save_plan(plan: Plan, tls: bool | None = None) -> None:
    """Remember it for the next `up`. `tls`: whether servers encrypt; None: as before."""
    encrypts = plan.home.has_tls if tls is None else tls
    document = {
        "ports": plan.ports,
        "given": plan.given.model_dump(),
        "choices": plan.choices,
        "only_servers": plan.only_servers,
        "bind": plan.bind,
        "names": plan.names,
        "tls": encrypts,
    }
    write_private_json(plan.home.plan_file, document)
