"""Alembic's entry point; the connection comes from viral_common.database.migrate."""

from alembic import context
from viral_common.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
