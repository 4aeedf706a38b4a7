"""Let each service's role see and change its own rows, and do through functions what only the owner may."""

from __future__ import annotations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
