"""What both histories do when Alembic runs them: on the connection that `migrations.run` opened and locked."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import MetaData

from clinic.database import UtcDateTime


def migrate(metadata: MetaData) -> None:
    """Run the steps on the connection in the configuration's attributes; the caller commits."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=context.config.attributes["version_table"],
        render_as_batch=True,  # SQLite alters a table by copying it
        render_item=_plain_types,
    )
    with context.begin_transaction():
        context.run_migrations()


def _plain_types(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """A step must run the same in ten years: it names the database's types, not our classes."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False
