"""Who and what was forgotten is remembered, as hashes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forgotten",
        sa.Column("source", sa.String(), nullable=False, comment="empty: of every source"),
        sa.Column(
            "digest", postgresql.BYTEA(), nullable=False, comment="SHA-256 of the kind of identity and itself"
        ),
        sa.Column(
            "forgotten_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("source", "digest"),
    )


def downgrade() -> None:
    op.drop_table("forgotten")
