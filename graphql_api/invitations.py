"""Invitations as the outside sees them: by those who may invite, and by nobody else."""

from datetime import datetime
from functools import partial
from typing import Optional

import strawberry
from strawberry import Info

from domain import organizations
from domain.scope import Actor as DomainActor
from graphql_api import loaders
from graphql_api.connections import CountedConnection
from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.enums import InvitationStatus, MemberRole
from graphql_api.identity import Actor, actor_of
from graphql_api.node import Node
from graphql_api.organizations import Organization

ContextInfo = Info[Context, None]


@described
class Invitation(Node):
    """A place offered to an e-mail address; it holds a seat while PENDING."""

    id: strawberry.ID
    row: strawberry.Private[organizations.Invitation]
    email: str
    role: MemberRole
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = strawberry.field(description="When it was accepted, revoked or superseded.")

    @classmethod
    def of(cls, row: organizations.Invitation | None) -> Optional["Invitation"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: organizations.Invitation) -> "Invitation":
        """Dress a row."""
        return cls(
            id=strawberry.ID(row.id),
            row=row,
            email=row.email,
            role=row.role,
            created_at=row.created_at,
            expires_at=row.expires_at,
            ended_at=row.ended_at,
        )

    @strawberry.field
    async def organization(self) -> Organization:
        """Where."""
        found = await loaders.current().organizations.load(self.row.organization_id)
        assert found is not None, "who sees an invitation sees its organization"
        return Organization.dress(found)

    @strawberry.field
    def status(self, info: ContextInfo) -> InvitationStatus:
        """How it stands at the time of reading."""
        return self.row.status_at(info.context.services.clock.now())

    @strawberry.field
    async def invited_by(self) -> Actor | None:
        """Who has made the offer."""
        return await actor_of(DomainActor(kind=self.row.invited_by_kind, id=self.row.invited_by_id))


async def invitation_connection(
    info: ContextInfo,
    organization: organizations.Organization,
    status: InvitationStatus | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> CountedConnection[Invitation]:
    """Read one page of an organization's invitations.

    Raises:
        Forbidden: the caller may not invite there.
    """
    cursors = info.context.cursors(f"invitations of {organization.id} {status}")
    page = cursors.page(first, after, last, before)
    reading = info.context.services.invitation_reading(info.context.caller)
    role = await loaders.current().roles.load(organization.id)
    listing = reading.of(organization, role=role, status=status)
    found = await loaders.current().lists.page(listing, page)
    count = partial(loaders.current().lists.count, listing)
    return cursors.counted(found, node=Invitation.dress, place=lambda row: (row.created_at, row.id), count=count)
