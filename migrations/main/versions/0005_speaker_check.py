"""The speaker check: its setting and sealed reference, what it found, and in which mode a turn was taken"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards. It is off for everybody, and nothing was found yet."""
    op.create_table(
        "speaker_check",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("setting", sa.String(length=8), nullable=False),
        sa.Column("reference_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("encoder", sa.String(length=100), nullable=True),
        sa.Column("utterances", sa.Integer(), nullable=False),
        sa.Column("asked_of_own", sa.Integer(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_speaker_check_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_speaker_check")),
        sa.UniqueConstraint("patient_id", name=op.f("uq_speaker_check_patient_id")),
    )
    op.create_table(
        "speaker_finding",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("found", sa.String(length=8), nullable=False),
        sa.Column("touched", sa.Boolean(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=True),
        sa.Column("theirs", sa.Boolean(), nullable=False),
        sa.Column("utterance_id", sa.String(length=32), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_speaker_finding_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_speaker_finding")),
    )
    with op.batch_alter_table("speaker_finding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_speaker_finding_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_speaker_finding_utterance_id"), ["utterance_id"], unique=False)
    with op.batch_alter_table("utterance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mode", sa.String(length=8), nullable=True))


def downgrade() -> None:
    """Back. Nobody is checked, as before; the references are gone, and are made anew from what was said."""
    with op.batch_alter_table("utterance", schema=None) as batch_op:
        batch_op.drop_column("mode")
    op.drop_table("speaker_finding")
    op.drop_table("speaker_check")
