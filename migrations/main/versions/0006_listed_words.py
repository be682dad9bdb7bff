"""Listed words: names, places and boards of a patient that recognition should know"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "listed_word",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("word_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_listed_word_patient_id_patient"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listed_word")),
    )
    with op.batch_alter_table("listed_word", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listed_word_patient_id"), ["patient_id"], unique=False)


def downgrade() -> None:
    """Back. Recognition knows no patient's words, as before."""
    with op.batch_alter_table("listed_word", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listed_word_patient_id"))
    op.drop_table("listed_word")
