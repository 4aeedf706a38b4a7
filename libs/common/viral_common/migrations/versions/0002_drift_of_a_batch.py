"""How far a batch lies from the one before it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "batches",
        sa.Column(
            "drift",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="PSI by feature against the batch before; null: not compared",
        ),
    )


def downgrade() -> None:
    op.drop_column("batches", "drift")
