"""Choosing and keeping: which version speaks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    with op.batch_alter_table("voice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("voice", schema=None) as batch_op:
        batch_op.drop_column("chosen_at")
