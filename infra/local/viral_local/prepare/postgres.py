"""Prepare Postgres: roles, databases, tables, rights."""

from __future__ import annotations

from viral_common.addresses import Account, replace_account
from viral_common.database.engine import connect_to, migrate
from viral_common.database.grants import OWNER, create_database, create_roles, grant_rights

from viral_local.prepare.secret_files import DATABASE, SecretFiles

# By database, its owner. MLflow's tables are nobody else's.
DATABASES = {"viral": OWNER, "mlflow": "mlflow"}


def prepare_roles(admin_url: str, files: SecretFiles) -> None:
    """Make the roles with their passwords, and the databases."""
    passwords = files.read_all(DATABASE)
    del passwords["postgres"]  # whoever prepares is that, or somebody else
    create_roles(admin_url, passwords)
    for name, owner in DATABASES.items():
        create_database(admin_url, name, owner)


def prepare_tables(owner_url: str) -> None:
    """Bring the tables to the newest version and grant each role its rights."""
    engine = connect_to(owner_url, "viral servers prepare")
    migrate(engine)
    grant_rights(engine)
    engine.dispose()


def build_owner_url(admin_url: str, files: SecretFiles) -> str:
    """Build the address of the owner's database on the same server."""
    return replace_account(admin_url, Account(OWNER, files.read(OWNER, DATABASE)), "/viral")
