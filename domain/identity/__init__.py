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
from domain.identity.keys import (
    ON_BEHALF_OF,
    ApiKey,
    ApiKeys,
    KeyReading,
    KeyState,
    MadeKey,
    ProvenKey,
    ShownKey,
    Tenants,
    drop_keys,
)
from domain.identity.models import User
from domain.identity.step_up import StepUp, prune_proofs, use_up
from domain.identity.totp import TotpAdapter
from domain.identity.users import STAYING, Arrival, Upserted, Users, find, find_by_email, hold, hold_by_email

__all__ = [
    "ON_BEHALF_OF",
    "STAYING",
    "ApiKey",
    "ApiKeys",
    "Arrival",
    "Asking",
    "AuthAdapter",
    "AuthAuditForwarder",
    "DeletionStatus",
    "Deletions",
    "KeyReading",
    "KeyState",
    "MadeKey",
    "Person",
    "ProvenKey",
    "ShownKey",
    "StepUp",
    "StepUpAdapter",
    "Tenants",
    "TotpAdapter",
    "Upserted",
    "User",
    "Users",
    "Visitor",
    "check_adapter",
    "drop_keys",
    "find",
    "find_by_email",
    "hold",
    "hold_by_email",
    "prune_proofs",
    "recognize",
    "use_up",
]
