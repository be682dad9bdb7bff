"""Alembic's entry for the main database."""

import clinic.tables  # noqa: F401  fills the metadata
from clinic.database import Base
from migrations.environment import migrate

migrate(Base.metadata)
