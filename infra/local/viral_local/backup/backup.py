"""Copy all that cannot be made anew into a folder, while everything runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from viral_common.database.administration import choose_database, read_revision, read_version
from viral_common.database.engine import connect_to, make_sessions
from viral_common.errors import UsageError
from viral_common.stores.audit import record_elsewhere

from viral_local.backup.folder import (
    ARTEFACTS,
    CERTS,
    MANIFEST,
    SECRETS,
    SIGNERS,
    Manifest,
    compute_files,
    copy_files,
    write_beside,
)
from viral_local.backup.tools import find_tools
from viral_local.prepare.postgres import DATABASES
from viral_local.servers import mlflow
from viral_local.signing_keys import choose_signers_file
from viral_local.stack.plan import Plan
from viral_local.stack.start import Step


@dataclass(frozen=True)
class Parts:
    """Name the server of both databases, as its administrator, and folders; None for what is kept elsewhere."""

    admin_url: str
    secrets: Path | None = None
    signers: Path | None = None
    artefacts: Path | None = None
    certs: Path | None = None

    @classmethod
    def from_plan(cls, plan: Plan) -> Parts:
        """Take those of the one-machine stack, or of a host with the servers. Raises UsageError for given ones."""
        if not plan.own_postgres:
            raise UsageError("this stack's Postgres is elsewhere: name it with --database-url")
        return cls(
            plan.admin_url,
            plan.secrets.root,
            choose_signers_file(plan.home.root),
            mlflow.locate_artefacts(plan.home) if plan.own_mlflow else None,
        )


def make_backup(parts: Parts, folder: Path, step: Step) -> tuple[Manifest, str | None]:
    """Write the folder; returns also why the audit does not know of it, if it does not.

    Each part names only what the next one holds: decisions name versions, versions name artefacts.
    """
    with write_beside(folder) as unfinished:
        made_at, postgres = datetime.now(UTC), read_version(parts.admin_url)
        tools = find_tools(postgres, parts.admin_url)
        for name in DATABASES:
            with step(f"database {name}"):
                tools.dump(choose_database(parts.admin_url, name), unfinished / name)
        if parts.artefacts:
            with step("artefacts"):
                copy_files(parts.artefacts, unfinished / ARTEFACTS)
        for source, name in ((parts.secrets, SECRETS), (parts.certs, CERTS)):
            if source:
                copy_files(source, unfinished / name)
        if parts.signers and parts.signers.is_file():
            shutil.copyfile(parts.signers, unfinished / SIGNERS)
        with step("digests"):
            manifest = Manifest(
                made_at=made_at,
                product=version("viral-tweets"),
                schema_revision=read_revision(choose_database(parts.admin_url, "viral")),
                postgres=postgres,
                pg_dump=tools.version,
                has_artefacts=bool(parts.artefacts),
                files=compute_files(unfinished),
            )
            (unfinished / MANIFEST).write_text(manifest.model_dump_json(indent=1))
    return manifest, record(parts.admin_url, "viral", "make backup", str(folder.absolute()))


def record(admin_url: str, database: str, action: str, subject: str) -> str | None:
    """Record in the audit of a database who did this; returns why that could not be done, if it could not."""
    engine = connect_to(choose_database(admin_url, database), "viral backup")
    try:
        return record_elsewhere(make_sessions(engine), action, subject)
    finally:
        engine.dispose()
