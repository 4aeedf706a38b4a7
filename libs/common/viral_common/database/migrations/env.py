"""Run the migrations for Alembic, on the connection that viral_common.database.engine.migrate hands over."""

from alembic import context
from viral_common.database.tables import Base, is_partition

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_server_default=True,
    include_name=lambda name, kind, _: kind != "table" or not is_partition(name),
)
with context.begin_transaction():
    context.run_migrations()
