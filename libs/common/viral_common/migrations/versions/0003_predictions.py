"""Predictions that gateways remember if wanted"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "predictions",
        sa.Column("seq", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column(
            "predicted_at", sa.DateTime(timezone=True), nullable=False, comment="the minute it was made in"
        ),
        sa.Column("model_version", sa.BigInteger(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column(
            "features",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="by name, without those that are not known",
        ),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("predictions_of_version", "predictions", ["model_version", "predicted_at"])
    op.create_index("predictions_in_time_order", "predictions", ["predicted_at"])


def downgrade() -> None:
    op.drop_table("predictions")
