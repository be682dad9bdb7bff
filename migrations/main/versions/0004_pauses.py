"""Pauses: how long a patient pauses inside what they say, and since when that is learned"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    with op.batch_alter_table("utterance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("longest_pause_s", sa.Float(), nullable=True))
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pause_set_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Back. Turns end after the setting alone, as before."""
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_column("pause_set_at")
    with op.batch_alter_table("utterance", schema=None) as batch_op:
        batch_op.drop_column("longest_pause_s")
