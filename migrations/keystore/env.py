"""Alembic's entry for the keystore."""

from clinic.vault.keystore import KeystoreBase
from migrations.environment import migrate

migrate(KeystoreBase.metadata)
