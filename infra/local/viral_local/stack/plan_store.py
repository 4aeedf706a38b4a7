"""Store what the stack was started with: a running stack keeps to it, and the next start keeps its ports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from viral_local.home import Home
from viral_local.ports import PREFERRED, choose_ports, pick_free_ports
from viral_local.private_files import read_json, write_private_json
from viral_local.settings import LocalSettings
from viral_local.signing_keys import SIGNERS_FILE, choose_signers_file, make_missing_keys
from viral_local.stack.plan import Given, Plan


def make_plan(
    home: Home, settings: LocalSettings, choices: Mapping[str, str] | None, any_ports: bool
) -> Plan:
    """Make the plan of a cold start. `choices` are settings for the scraper; None: those of the last start."""
    last = load_plan(home) if home.plan_file.exists() else Plan(home, Given(), {}, {})
    kept = dict(last.ports)
    if "gateway_port" in settings.model_fields_set:
        kept.pop("gateway", None)
    if any_ports and not kept:
        ports = pick_free_ports(PREFERRED)
    else:
        ports = choose_ports(kept, {**PREFERRED, "gateway": settings.gateway_port})
    if choices is None:
        choices = keep_choices(last.choices, settings)
    plan = Plan(home, find_given_servers(settings, last), ports, dict(choices))
    plan.secrets.make()
    # Where a person names the trusted signers, the keys are theirs too.
    if choose_signers_file(home.root) == home.root / SIGNERS_FILE:
        make_missing_keys(plan.secrets.root, home.root / SIGNERS_FILE)
    save_plan(plan, settings.tls)
    return plan


def find_given_servers(settings: LocalSettings, last: Plan) -> Given:
    """Find those given, without the stack's own of the last start: a shell that has read `stack.env` gives these."""
    given = Given.from_settings(settings)
    if not last.ports:
        return given
    own = replace(last, given=Given()).make_service_settings()
    before = last.given.model_dump()
    mine = [
        name
        for name, url in given.model_dump().items()
        if before[name] is None and url == own.get(f"VIRAL_{name.upper()}")
    ]
    return given.model_copy(update=dict.fromkeys(mine))


def keep_choices(last: Mapping[str, str], settings: LocalSettings) -> dict[str, str]:
    """Keep what was once chosen, unless the environment or `.env` says otherwise now."""
    if settings.source is not None:
        return {}
    return {name: value for name, value in last.items() if name not in os.environ}


def load_plan(home: Home) -> Plan:
    """Load the plan of the stack that is up, whatever the settings say by now."""
    last = read_json(home.plan_file) or {}
    return Plan(home, Given(**last["given"]), last["ports"], last["choices"])


def save_plan(plan: Plan, tls: bool | None = None) -> None:
    """Remember it for the next `up`. `tls`: whether servers encrypt; None: as before."""
    encrypts = plan.home.has_tls if tls is None else tls
    document = {
        "ports": plan.ports,
        "given": plan.given.model_dump(),
        "choices": plan.choices,
        "tls": encrypts,
    }
    write_private_json(plan.home.plan_file, document)
