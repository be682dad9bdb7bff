"""Modes: how what a patient says is said again, and the words of which something else was said aloud"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards. Everybody goes on as before: clean and fluent."""
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.add_column(sa.Column("speech_mode", sa.String(length=16), server_default="restore", nullable=False))
    with op.batch_alter_table("live_session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("speech_mode", sa.String(length=16), nullable=True))
    with op.batch_alter_table("utterance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("speech_mode", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("original_text_sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Back. Of what was interpreted, what was heard (`transcript_sealed`) and what was said aloud stay."""
    with op.batch_alter_table("utterance", schema=None) as batch_op:
        batch_op.drop_column("original_text_sealed")
        batch_op.drop_column("speech_mode")
    with op.batch_alter_table("live_session", schema=None) as batch_op:
        batch_op.drop_column("speech_mode")
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_column("speech_mode")
