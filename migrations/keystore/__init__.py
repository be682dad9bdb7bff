"""The keystore's history."""
