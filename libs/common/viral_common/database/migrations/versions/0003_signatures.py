"""Let a promotion carry the signature of the evaluator that made it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("promotions", sa.Column("signed_by", sa.String, comment="key id; null: not signed"))
    op.add_column("promotions", sa.Column("signature", sa.String, comment="Ed25519, base64"))


def downgrade() -> None:
    op.drop_column("promotions", "signature")
    op.drop_column("promotions", "signed_by")
