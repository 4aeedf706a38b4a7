"""Mark batches that are stored for their authors' pasts alone: not announced, and in no training's window."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column(
        "batches",
        sa.Column(
            "history_only",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="stored for its authors' pasts alone: not announced, in no window",
        ),
    )


def downgrade() -> None:
    op.drop_column("batches", "history_only")
