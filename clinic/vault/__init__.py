"""Envelope encryption of everything that could identify or imitate a patient."""

from clinic.vault.errors import VaultError
from clinic.vault.vault import Vault, create_keyring, get_vault

__all__ = ["Vault", "VaultError", "create_keyring", "get_vault"]
