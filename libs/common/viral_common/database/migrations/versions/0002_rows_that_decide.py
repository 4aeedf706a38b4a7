"""Add what was exported before it is registered, and let nobody change what was decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

# By table, which rows may still change: a verdict that could not be reached gives way to one that was.
DECISIONS = {"trainings": "", "verdicts": "OLD.outcome = 'failed'", "promotions": ""}

_REFUSE_CHANGE = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END $$
"""


def upgrade() -> None:
    op.create_table(
        "candidates",
        sa.Column("event_id", sa.Uuid, nullable=False, comment="of the batch.collected event"),
        sa.Column("mlflow_run_id", sa.String, nullable=False),
        sa.Column("artifact_sha256", sa.String, nullable=False),
        sa.Column("metrics", postgresql.JSONB, nullable=False),
        sa.Column("exported_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.execute(_REFUSE_CHANGE)
    for table, changeable in DECISIONS.items():
        unless = f"WHEN (NOT ({changeable}))" if changeable else ""
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW {unless} EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for table in DECISIONS:
        op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute("DROP FUNCTION refuse_change()")
    op.drop_table("candidates")
