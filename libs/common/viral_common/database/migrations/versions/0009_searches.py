"""Make a schema for the trials of `viral-trainer tune`: Optuna makes its tables there."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("CREATE SCHEMA searches")


def downgrade() -> None:
    op.execute("DROP SCHEMA searches CASCADE")
