"""The ledger: one row per command, written in the command's transaction and never changed afterwards."""

from domain.audit.ledger import record
from domain.audit.models import AuditEvent

__all__ = ["AuditEvent", "record"]
