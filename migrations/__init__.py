"""Schema migrations (Alembic) of the main database and of the keystore, each with a history of its own."""
