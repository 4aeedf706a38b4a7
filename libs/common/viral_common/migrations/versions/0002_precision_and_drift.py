"""In which precision a version serves, and how far a batch lies from the one before it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PRECISION = "precision IN ('fp32', 'int8')"


def upgrade() -> None:
    op.add_column(
        "verdicts",
        sa.Column(
            "precision",
            sa.String(),
            nullable=True,
            comment="to serve the challenger in; null: not scored",
        ),
    )
    op.create_check_constraint("verdicts_precision", "verdicts", _PRECISION)
    op.add_column(
        "promotions",
        sa.Column(
            "precision",
            sa.String(),
            server_default="fp32",
            nullable=False,
            comment="which of its graphs serves",
        ),
    )
    op.create_check_constraint("promotions_precision", "promotions", _PRECISION)
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
    op.drop_column("promotions", "precision")
    op.drop_column("verdicts", "precision")
