"""Write the pages that are generated: `make docs`. A test fails while one is stale."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from pydantic_settings import BaseSettings
from viral_common.settings import CommonSettings
from viral_evaluator.settings import EvaluatorSettings
from viral_gateway.settings import GatewaySettings
from viral_scraper.settings import ScraperSettings, SourceSettings
from viral_scraper.sources.base import SOURCES, load_source_class
from viral_trainer.settings import TrainerSettings

from docs import event_pages

ROOT = Path(__file__).parents[1]


def list_source_sections() -> dict[str, type[BaseSettings]]:
    """List the sections of the sources that have settings of their own."""
    for name in SOURCES:
        load_source_class(name)
    return {
        f"Scraper: {_get_prefix(own)}*": own
        for own in sorted(SourceSettings.__subclasses__(), key=_get_prefix)
    }


def _get_prefix(settings: type[BaseSettings]) -> str:
    return settings.model_config.get("env_prefix", "")


GROUPS: dict[str, type[BaseSettings]] = {
    "Every service": CommonSettings,
    "Scraper": ScraperSettings,
    **list_source_sections(),
    "Trainer": TrainerSettings,
    "Evaluator": EvaluatorSettings,
    "Gateway": GatewaySettings,
}
HEAD = """\
# Settings. Copy to .env and change what you need: each line shows the default. VIRAL_DATABASE_URL and
# VIRAL_RABBITMQ_URL have none; only the one-machine stack and docker-compose.yml know them by themselves.
# Generated from the settings classes by `make docs`: change those, not this file.
"""
CONTAINERS = """
# --- Containers (docker-compose.yml only) ---

# Which parts this host runs: servers, scraper, trainer, evaluator, gateway, monitoring
#COMPOSE_PROFILES=servers,scraper,trainer,evaluator,gateway

# Where Postgres, RabbitMQ and MLflow are, seen from this host's containers; empty: on this host
#VIRAL_SERVERS_HOST=

# Address that published ports listen on; a private address lets other hosts in
#VIRAL_BIND_ADDRESS=127.0.0.1

# Folder with tweet archives; the scraper's container sees it as /archive
#VIRAL_ARCHIVE_DIR=./archive
"""


def render_env_example() -> str:
    """Render every setting with its description and its default."""
    lines, named = [HEAD], set[str]()
    for group, settings in GROUPS.items():
        lines.append(f"# --- {group} ---\n")
        inherited = CommonSettings.model_fields if settings is not CommonSettings else {}
        for name, field in settings.model_fields.items():
            assignment = _render_assignment(_get_prefix(settings), name, field)
            changed = name in inherited and field.default != inherited[name].default
            if changed or (name not in inherited and assignment not in named):  # some are of two services
                lines += [f"# {field.description}", assignment, ""]
                named.add(assignment)
    return "\n".join(lines) + CONTAINERS


def _render_assignment(prefix: str, name: str, field: FieldInfo) -> str:
    variable = f"{prefix}{name.upper()}"
    if field.is_required():
        return f"#{variable}="
    default = to_jsonable_python(field.get_default(call_default_factory=True))
    if default is None:
        return f"#{variable}="
    return f"#{variable}={default if isinstance(default, str) else json.dumps(default)}"


def main() -> None:
    """Write all of them."""
    event_pages.write(ROOT / "docs")
    (ROOT / ".env.example").write_text(render_env_example(), encoding="utf-8")


if __name__ == "__main__":
    main()
