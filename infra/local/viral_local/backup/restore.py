"""Restore a backup beside what is there; only what is whole takes its place."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from viral_common.addresses import Account, replace_account
from viral_common.database.administration import (
    choose_database,
    drop_databases,
    finish_restored,
    is_used,
    list_clients,
    read_revision,
    read_version,
    rename_databases,
)
from viral_common.database.engine import has_revision
from viral_common.database.grants import create_database
from viral_common.errors import UsageError

from viral_local.backup.backup import Parts, record
from viral_local.backup.folder import (
    ARTEFACTS,
    SECRETS,
    SIGNERS,
    Manifest,
    copy_files,
    read_manifest,
    verify_files,
)
from viral_local.backup.tools import find_tools
from viral_local.errors import StackError
from viral_local.prepare.postgres import DATABASES, prepare_roles, prepare_tables
from viral_local.prepare.secret_files import DATABASE, FORGET_KEY, MLFLOW, SecretFiles
from viral_local.servers import mlflow
from viral_local.signing_keys import choose_signers_file
from viral_local.stack.stack import Stack
from viral_local.stack.start import Step

# Events of so long are published again, for the broker's data is not in a backup.
AGAIN = timedelta(days=2)
# Whoever has other ones cannot read what is restored.
BOUND = (f"scraper/{FORGET_KEY}", f"operator/{MLFLOW}")


def restore_stack(stack: Stack, folder: Path, replace: bool) -> tuple[Manifest, list[str]]:
    """Restore into the one-machine stack, which does not run; returns also which databases were kept."""
    manifest = _check(folder, stack.step)
    home = stack.home
    with stack.hold(f"viral restore {folder.absolute()}{' --replace' if replace else ''}"):
        put_secrets(folder, stack.settings.secrets_dir or home.secrets_dir, choose_signers_file(home.root))
        with stack.run_postgres() as plan:
            parts = Parts.from_plan(plan)
            if parts.artefacts:
                home.owner.make_dir(parts.artefacts.parent)
            kept = restore(parts, folder, manifest, replace, stack.step)
            if plan.own_mlflow and read_revision(choose_database(plan.admin_url, "mlflow")):
                mlflow.upgrade_schema(plan.mlflow_database_url)
        # Its queues may hold events that the databases do not know yet.
        shutil.rmtree(home.owner.data_dir / "rabbitmq", ignore_errors=True)
    return manifest, kept


def restore_servers(parts: Parts, folder: Path, replace: bool, step: Step) -> tuple[Manifest, list[str]]:
    """Restore into servers of one's own, to which no service is connected."""
    manifest = _check(folder, step)
    return manifest, restore(parts, folder, manifest, replace, step)


def put_secrets(folder: Path, secrets: Path, signers: Path) -> None:
    """Put secrets and trusted signers where none are. Raises UsageError for others to which the data is bound."""
    source = folder / SECRETS
    for name in BOUND if source.is_dir() else ():
        if (secrets / name).exists() and (secrets / name).read_bytes() != (source / name).read_bytes():
            raise UsageError(
                f"{secrets / name} is not the backup's: move it away, and the backup's is put there"
            )
    if source.is_dir():
        copy_files(source, secrets)
    if (folder / SIGNERS).is_file() and not signers.exists():
        shutil.copyfile(folder / SIGNERS, signers)
        signers.chmod(0o644)


def restore(parts: Parts, folder: Path, manifest: Manifest, replace: bool, step: Step) -> list[str]:
    """Restore both databases and the artefacts; returns under which names databases that were used are kept."""
    admin_url, files = parts.admin_url, SecretFiles(parts.secrets or folder / SECRETS)
    used = _check_target(admin_url, manifest, replace)
    tools = find_tools(max(manifest.pg_dump, manifest.postgres), admin_url)
    prepare_roles(admin_url, files)
    restored = {name: f"{name}_restored" for name in DATABASES}
    drop_databases(admin_url, list(restored.values()))
    for name, owner in DATABASES.items():
        with step(f"database {name}"):
            create_database(admin_url, restored[name], owner)
            tools.restore(choose_database(admin_url, restored[name]), folder / name, owner)
    if parts.artefacts and manifest.has_artefacts:
        with step("artefacts"):
            owner_of = (parts.artefacts if parts.artefacts.is_dir() else parts.artefacts.parent).stat()
            copy_files(folder / ARTEFACTS, parts.artefacts, (owner_of.st_uid, owner_of.st_gid))
    with step("tables and rights"):
        account = Account(DATABASES["viral"], files.read(DATABASES["viral"], DATABASE))
        prepare_tables(replace_account(admin_url, account, f"/{restored['viral']}"))
        finish_restored(choose_database(admin_url, restored["viral"]), manifest.made_at - AGAIN)
        if problem := record(admin_url, restored["viral"], "restore backup", str(folder.absolute())):
            raise StackError(f"the audit cannot be written, so nothing is restored: {problem}")
    stamp = f"{datetime.now(UTC):%Y%m%d%H%M%S}"
    away = {name: f"{name}_until_{stamp}" for name in DATABASES}
    rename_databases(admin_url, away | {new: name for name, new in restored.items()})
    drop_databases(admin_url, [away[name] for name in DATABASES if name not in used])
    return [away[name] for name in used]


def _check(folder: Path, step: Step) -> Manifest:
    manifest = read_manifest(folder)
    with step("digests"):
        verify_files(folder, manifest)
    if manifest.schema_revision and not has_revision(manifest.schema_revision):
        raise UsageError(
            f"the backup's schema is {manifest.schema_revision}, newer than this version knows: "
            f"install {manifest.product} or newer"
        )
    return manifest


def _check_target(admin_url: str, manifest: Manifest, replace: bool) -> list[str]:
    """Return which databases are used. Raises UsageError where nothing may be restored."""
    if (version := read_version(admin_url)) < manifest.postgres:
        raise UsageError(
            f"the backup is of Postgres {manifest.postgres}, this one is {version}: a newer one is needed"
        )
    if clients := list_clients(admin_url, list(DATABASES)):
        raise UsageError(f"still connected: {', '.join(clients)}; stop services and MLflow first")
    used = [name for name in DATABASES if is_used(admin_url, name)]
    if used and not replace:
        raise UsageError(
            f"there is data in {' and '.join(used)}: with --replace the backup takes its place, "
            "and it is kept under another name"
        )
    return used
