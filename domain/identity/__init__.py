"""Who people are: users by issuer and subject, as proven credentials or the host name them, and how they go."""

from domain.identity.adapter import (
    Asking,
    AuthAdapter,
    AuthAuditForwarder,
    StepUpAdapter,
    Visitor,
    check_adapter,
    recognize,
)
from domain.identity.deletion import Deletions
from domain.identity.going import DeletionStatus, Person
from domain.identity.keys import ApiKey
from domain.identity.models import User
from domain.identity.step_up import StepUp, prune_proofs, use_up
from domain.identity.totp import TotpAdapter
from domain.identity.users import STAYING, Arrival, Upserted, Users, find, find_by_email, hold, hold_by_email

__all__ = [
    "STAYING",
    "ApiKey",
    "Arrival",
    "Asking",
    "AuthAdapter",
    "AuthAuditForwarder",
    "DeletionStatus",
    "Deletions",
    "Person",
    "StepUp",
    "StepUpAdapter",
    "TotpAdapter",
    "Upserted",
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
