"""Bring the schema of VIRAL_DATABASE_URL to the newest version: `python -m viral_common.migrate`."""

from __future__ import annotations

from viral_common.cli import run_command
from viral_common.database.engine import connect, migrate
from viral_common.logging import configure_logging
from viral_common.settings import CommonSettings, load_settings


def main() -> None:
    """Migrate and say nothing if all is well."""
    settings = load_settings(CommonSettings)
    configure_logging("migrate", settings)
    migrate(connect(settings, "migrate"))


if __name__ == "__main__":
    run_command(main)
