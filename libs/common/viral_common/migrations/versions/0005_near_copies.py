"""Near-copies of a batch are found by a hash of their own; one index less to keep"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "tweets",
        sa.Column(
            "near_hash",
            sa.BigInteger(),
            nullable=True,
            comment="equal for near-copies; null: stored before they were told",
        ),
    )
    op.drop_index("tweets_copies", table_name="tweets")
    # A batch is read whole or nearly so: its split needs no index.
    op.drop_index("tweets_of_batch", table_name="tweets")
    op.create_index("tweets_near_copies", "tweets", ["batch_id", "near_hash"], unique=False)


def downgrade() -> None:
    op.drop_index("tweets_near_copies", table_name="tweets")
    op.create_index("tweets_of_batch", "tweets", ["batch_id", "split"], unique=False)
    op.create_index("tweets_copies", "tweets", ["batch_id", "text_hash"], unique=False)
    op.drop_column("tweets", "near_hash")
