"""Who people are: users by issuer and subject, as proven credentials name them."""

from domain.identity.models import User
from domain.identity.users import Arrival, Users, find, find_by_email, hold, hold_by_email

__all__ = ["Arrival", "User", "Users", "find", "find_by_email", "hold", "hold_by_email"]
