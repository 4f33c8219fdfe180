"""The ledger: one row per command, written in the command's transaction and never changed afterwards."""

from domain.audit.ledger import AuditEvent, record

__all__ = ["AuditEvent", "record"]
