"""The seam half: organizations, memberships, and the callbacks that can veto a member. Knows nothing of billing."""

from domain.organizations.callbacks import Entry, OrganizationCallbacks
from domain.organizations.invitation_mail import InvitationMail
from domain.organizations.invitation_reading import InvitationReading
from domain.organizations.invitations import Invitations, Invited
from domain.organizations.key_tenants import KeyTenants
from domain.organizations.members import Members, UserRef
from domain.organizations.models import Invitation, InvitationStatus, Membership, Organization
from domain.organizations.ownership import Ownership, Transfer, require_replaceable
from domain.organizations.purging import Purging
from domain.organizations.reading import (
    OrganizationOrder,
    Reading,
    memberships_of,
    organizations_seen_by,
    role_in,
)
from domain.organizations.service import Changes, Organizations
from domain.organizations.standing import Standing
from domain.organizations.tidying import Tidying

__all__ = [
    "Changes",
    "Entry",
    "Invitation",
    "InvitationMail",
    "InvitationReading",
    "InvitationStatus",
    "Invitations",
    "Invited",
    "KeyTenants",
    "Members",
    "Membership",
    "Organization",
    "OrganizationCallbacks",
    "OrganizationOrder",
    "Organizations",
    "Ownership",
    "Purging",
    "Reading",
    "Standing",
    "Tidying",
    "Transfer",
    "UserRef",
    "memberships_of",
    "organizations_seen_by",
    "require_replaceable",
    "role_in",
]
