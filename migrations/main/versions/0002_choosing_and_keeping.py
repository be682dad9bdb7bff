"""Choosing and keeping: which version speaks, blind comparisons, pronunciations, messages, voice files"""

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
        batch_op.add_column(sa.Column("imported_from", sa.JSON(), nullable=True))

    op.create_table(
        "voice_sample",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("voice_id", sa.String(length=32), nullable=False),
        sa.Column("sentence", sa.Integer(), nullable=False),
        sa.Column("blob_id", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_voice_sample_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["voice_id"], ["voice.id"], name=op.f("fk_voice_sample_voice_id_voice"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voice_sample")),
        sa.UniqueConstraint("voice_id", "sentence", name="uq_voice_sample_voice_sentence"),
    )
    with op.batch_alter_table("voice_sample", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_voice_sample_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "comparison",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("first_id", sa.String(length=32), nullable=False),
        sa.Column("second_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_comparison_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["first_id"], ["voice.id"], name=op.f("fk_comparison_first_id_voice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["voice.id"], name=op.f("fk_comparison_second_id_voice"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
    )
    with op.batch_alter_table("comparison", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comparison_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "sitting",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("comparison_id", sa.String(length=32), nullable=False),
        sa.Column("judge", sa.String(length=16), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_sitting_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_sitting_comparison_id_comparison"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sitting")),
    )
    with op.batch_alter_table("sitting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sitting_comparison_id"), ["comparison_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sitting_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "trial",
        sa.Column("sitting_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sentence", sa.Integer(), nullable=False),
        sa.Column("first_is_left", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.String(length=8), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sitting.id"], name=op.f("fk_trial_sitting_id_sitting"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
        sa.UniqueConstraint("sitting_id", "number", name="uq_trial_sitting_number"),
    )

    op.create_table(
        "pronunciation",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("word_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("say_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("preview", sa.String(length=16), nullable=True),
        sa.Column("preview_blob_id", sa.String(length=32), nullable=True),
        sa.Column("preview_message", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_pronunciation_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pronunciation")),
    )
    with op.batch_alter_table("pronunciation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pronunciation_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "banked_message",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=True),
        sa.Column("upload_blob_id", sa.String(length=32), nullable=True),
        sa.Column("start_s", sa.Float(), nullable=False),
        sa.Column("end_s", sa.Float(), nullable=True),
        sa.Column("blob_id", sa.String(length=32), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_banked_message_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recording.id"],
            name=op.f("fk_banked_message_recording_id_recording"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_banked_message")),
    )
    with op.batch_alter_table("banked_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_banked_message_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "signer",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("confirmed_by", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signer")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_signer_fingerprint")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("signer")
    op.drop_table("banked_message")
    op.drop_table("pronunciation")
    op.drop_table("trial")
    op.drop_table("sitting")
    op.drop_table("comparison")
    op.drop_table("voice_sample")
    with op.batch_alter_table("voice", schema=None) as batch_op:
        batch_op.drop_column("imported_from")
        batch_op.drop_column("chosen_at")
