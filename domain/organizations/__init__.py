"""The seam half: organizations, memberships, and the callbacks that can veto a member. Knows nothing of billing."""

from domain.organizations.callbacks import Entry, OrganizationCallbacks
from domain.organizations.leaving import Leaving
from domain.organizations.members import Members, UserRef
from domain.organizations.models import Invitation, InvitationStatus, Membership, Organization
from domain.organizations.reading import (
    MembershipQuery,
    OrganizationOrder,
    Reading,
    count_memberships,
    list_memberships,
    members_of,
    memberships_of,
    role_in,
)
from domain.organizations.service import Organizations

__all__ = [
    "Entry",
    "Invitation",
    "InvitationStatus",
    "Leaving",
    "Members",
    "Membership",
    "MembershipQuery",
    "Organization",
    "OrganizationCallbacks",
    "OrganizationOrder",
    "Organizations",
    "Reading",
    "UserRef",
    "count_memberships",
    "list_memberships",
    "members_of",
    "memberships_of",
    "role_in",
]
