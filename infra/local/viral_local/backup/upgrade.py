"""Upgrade what the one-machine stack stores to this version: Postgres' data, the tables of both databases, rights."""

from __future__ import annotations

import shutil
from pathlib import Path

from viral_common.database.administration import choose_database, drop_databases, read_revision
from viral_common.database.engine import has_revision
from viral_common.errors import UsageError

from viral_local.backup.backup import Parts, make_backup
from viral_local.backup.folder import read_manifest
from viral_local.backup.restore import restore
from viral_local.prepare.postgres import prepare_tables
from viral_local.servers import mlflow
from viral_local.servers.postgres import find_versions, locate_data_dir
from viral_local.stack.stack import Stack


def upgrade_stack(stack: Stack) -> None:
    """Upgrade a stack that does not run; what was cut off goes on. Raises UsageError for data of a newer version."""
    if not stack.home.plan_file.exists():
        raise UsageError("there is no stack here; servers of your own are for `viral servers prepare`")
    dump = stack.home.root / "before-upgrade"
    with stack.hold("viral upgrade"):
        made_by, newest = find_versions(stack.home)
        if made_by and made_by > newest:
            raise UsageError(
                f"the data was made by Postgres {made_by}, installed is {newest}: there is no way back"
            )
        if dump.exists() or (made_by and made_by < newest):
            _move_data(stack, dump)
        with stack.run_postgres() as plan:
            Parts.from_plan(plan)
            revision = read_revision(choose_database(plan.admin_url, "viral"))
            if revision and not has_revision(revision):
                raise UsageError(
                    f"the schema is {revision}, newer than this version knows: there is no way back"
                )
            with stack.step("tables and rights"):
                prepare_tables(plan.owner_url)
            if plan.own_mlflow and read_revision(choose_database(plan.admin_url, "mlflow")):
                with stack.step("MLflow's tables"):
                    mlflow.upgrade_schema(plan.mlflow_database_url)


def _move_data(stack: Stack, dump: Path) -> None:
    """Dump with the old version, restore with the new one; the old data stays until that is done."""
    data = locate_data_dir(stack.home)
    kept = data.with_name("postgres.before-upgrade")
    if not dump.exists():
        with stack.run_postgres() as plan:
            make_backup(Parts(plan.admin_url), dump, stack.step)
    if not kept.exists():
        data.rename(kept)
    with stack.run_postgres() as plan:
        done = restore(Parts(plan.admin_url, plan.secrets.root), dump, read_manifest(dump), True, stack.step)
        drop_databases(plan.admin_url, done)  # of a try that was cut off when it was nearly done
    for folder in (kept, dump):
        shutil.rmtree(folder)
