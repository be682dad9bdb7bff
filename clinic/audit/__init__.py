"""The hash-chained record of who did what."""

from clinic.audit.chain import record, verify_chain

__all__ = ["record", "verify_chain"]
