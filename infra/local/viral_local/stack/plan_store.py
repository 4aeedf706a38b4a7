"""What the stack was started with: a running stack keeps to it, and the next start keeps its ports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from viral_local.home import Home
from viral_local.ports import PREFERRED, any_free_ports, choose_ports
from viral_local.private_files import read_json, write_private_json
from viral_local.settings import LocalSettings
from viral_local.stack.plan import Given, Plan


def new_plan(home: Home, settings: LocalSettings, choices: Mapping[str, str] | None, any_ports: bool) -> Plan:
    """For a cold start. `choices` are settings for the scraper; None: those of the last start."""
    last = running_plan(home) if home.plan_file.exists() else Plan(home, Given(), {}, home.passwords(), {})
    kept = dict(last.ports)
    if "gateway_port" in settings.model_fields_set:
        kept.pop("gateway", None)
    if any_ports and not kept:
        ports = any_free_ports(PREFERRED)
    else:
        ports = choose_ports(kept, {**PREFERRED, "gateway": settings.gateway_port})
    if choices is None:
        choices = kept_choices(last.choices, settings)
    plan = Plan(home, foreign_servers(settings, last), ports, last.passwords, dict(choices))
    save_plan(plan)
    return plan


def foreign_servers(settings: LocalSettings, last: Plan) -> Given:
    """Those given, without the stack's own of the last start: a shell that has read `stack.env` gives these."""
    given = Given.of(settings)
    if not last.ports:
        return given
    own = replace(last, given=Given()).service_settings()
    before = last.given.model_dump()
    mine = [
        name
        for name, url in given.model_dump().items()
        if before[name] is None and url == own[f"VIRAL_{name.upper()}"]
    ]
    return given.model_copy(update=dict.fromkeys(mine))


def kept_choices(last: Mapping[str, str], settings: LocalSettings) -> dict[str, str]:
    """What the environment or `.env` says now goes before what was once chosen."""
    if settings.source is not None:
        return {}
    return {name: value for name, value in last.items() if name not in os.environ}


def running_plan(home: Home) -> Plan:
    """Of the stack that is up, whatever the settings say by now."""
    last = read_json(home.plan_file) or {}
    return Plan(home, Given(**last["given"]), last["ports"], home.passwords(), last["choices"])


def save_plan(plan: Plan) -> None:
    """Remember it for the next `up`."""
    document = {"ports": plan.ports, "given": plan.given.model_dump(), "choices": plan.choices}
    write_private_json(plan.home.plan_file, document)
