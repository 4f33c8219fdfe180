"""Who people are: users by issuer and subject, as proven credentials or the host name them, and how they go."""

from domain.identity.deletion import Deletions
from domain.identity.going import DeletionStatus, Erase, Person
from domain.identity.models import User
from domain.identity.users import STAYING, Arrival, Upserted, Users, find, find_by_email, hold, hold_by_email

__all__ = [
    "STAYING",
    "Arrival",
    "DeletionStatus",
    "Deletions",
    "Erase",
    "Person",
    "Upserted",
    "User",
    "Users",
    "find",
    "find_by_email",
    "hold",
    "hold_by_email",
]
