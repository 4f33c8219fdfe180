"""Who people are: users by issuer and subject, as proven credentials name them, and fresh proofs of it."""

from domain.identity.adapter import (
    Asking,
    AuthAdapter,
    AuthAuditForwarder,
    StepUpAdapter,
    Visitor,
    check_adapter,
    recognize,
)
from domain.identity.models import User
from domain.identity.step_up import StepUp, prune_proofs, use_up
from domain.identity.totp import TotpAdapter
from domain.identity.users import Arrival, Users, find, find_by_email, hold, hold_by_email

__all__ = [
    "Arrival",
    "Asking",
    "AuthAdapter",
    "AuthAuditForwarder",
    "StepUp",
    "StepUpAdapter",
    "TotpAdapter",
    "User",
    "Users",
    "Visitor",
    "check_adapter",
    "find",
    "find_by_email",
    "hold",
    "hold_by_email",
    "prune_proofs",
    "recognize",
    "use_up",
]
