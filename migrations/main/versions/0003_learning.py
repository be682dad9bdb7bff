"""Learning: sentences read aloud, adapters, phrases; and whether a patient is asked before anything is spoken"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards. Whoever was a patient before is asked first, too, until their speech is learned."""
    op.create_table(
        "adapter",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("progress_text", sa.String(length=200), nullable=False),
        sa.Column("read_aloud_ids", sa.JSON(), nullable=False),
        sa.Column("utterance_ids", sa.JSON(), nullable=False),
        sa.Column("base", sa.String(length=64), nullable=True),
        sa.Column("blob_id", sa.String(length=32), nullable=True),
        sa.Column("measures", sa.JSON(), nullable=True),
        sa.Column("calibration", sa.JSON(), nullable=True),
        sa.Column("checkpoint_blob_id", sa.String(length=32), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_adapter_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adapter")),
        sa.UniqueConstraint("patient_id", "version", name="uq_adapter_patient_version"),
    )
    with op.batch_alter_table("adapter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_adapter_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "phrase",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_phrase_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phrase")),
    )
    with op.batch_alter_table("phrase", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_phrase_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "own_sentence",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_own_sentence_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_sentence")),
    )
    with op.batch_alter_table("own_sentence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_own_sentence_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "read_aloud",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("prompt", sa.String(length=16), nullable=True),
        sa.Column("own_id", sa.String(length=32), nullable=True),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("blob_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_read_aloud_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["own_id"], ["own_sentence.id"], name=op.f("fk_read_aloud_own_id_own_sentence"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_read_aloud")),
    )
    with op.batch_alter_table("read_aloud", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_read_aloud_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "phrase_example",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("phrase_id", sa.String(length=32), nullable=False),
        sa.Column("blob_id", sa.String(length=32), nullable=False),
        sa.Column("features_blob_id", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_phrase_example_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["phrase_id"], ["phrase.id"], name=op.f("fk_phrase_example_phrase_id_phrase"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phrase_example")),
    )
    with op.batch_alter_table("phrase_example", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_phrase_example_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_phrase_example_phrase_id"), ["phrase_id"], unique=False)

    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asks_first", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_column("asks_first")
    op.drop_table("phrase_example")
    op.drop_table("read_aloud")
    op.drop_table("own_sentence")
    op.drop_table("phrase")
    op.drop_table("adapter")
