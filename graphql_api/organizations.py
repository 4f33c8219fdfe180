"""Organizations, memberships and seats as the outside sees them."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Optional

import strawberry
from strawberry import Info

from domain import entitlements, organizations
from domain.db import Listing
from domain.errors import InvalidInput
from graphql_api import loaders
from graphql_api.connections import Connection, CountedConnection
from graphql_api.context import Context
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope, InvitationStatus, MemberRole, OrganizationOrderField, SortDirection
from graphql_api.identity import User
from graphql_api.node import Node
from graphql_api.permissions import require_scope

if TYPE_CHECKING:
    from graphql_api.api_keys import ApiKey
    from graphql_api.audit import AuditEvent, AuditEventFilter
    from graphql_api.customers import Customer
    from graphql_api.invitations import Invitation

AnApiKey = Annotated["ApiKey", strawberry.lazy("graphql_api.api_keys")]
AnAuditEvent = Annotated["AuditEvent", strawberry.lazy("graphql_api.audit")]
AnAuditEventFilter = Annotated["AuditEventFilter", strawberry.lazy("graphql_api.audit")]
ACustomer = Annotated["Customer", strawberry.lazy("graphql_api.customers")]
AnInvitation = Annotated["Invitation", strawberry.lazy("graphql_api.invitations")]
ContextInfo = Info[Context, None]


@described
class SeatUsage:
    """Seats, read together so that they add up: available = max(0, limit - used - reserved)."""

    limit: int | None = strawberry.field(description="Null: unlimited.")
    used: int = strawberry.field(description="Members.")
    reserved: int = strawberry.field(description="Unexpired pending invitations.")
    available: int | None = strawberry.field(description="Null: unlimited; never below zero.")
    over_limit: bool = strawberry.field(description="After a downgrade: nobody is removed, nobody can be added.")

    @classmethod
    def of(cls, usage: entitlements.SeatUsage | None) -> Optional["SeatUsage"]:
        """Dress a read."""
        if usage is None:
            return None
        return cls(
            limit=usage.limit,
            used=usage.used,
            reserved=usage.reserved,
            available=usage.available,
            over_limit=usage.over_limit,
        )


@described
class Membership(Node):
    """A user's place in an organization. Removed means gone."""

    id: strawberry.ID
    row: strawberry.Private[organizations.Membership]
    role: MemberRole
    joined_at: datetime

    @classmethod
    def of(cls, row: organizations.Membership | None) -> Optional["Membership"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: organizations.Membership) -> "Membership":
        """Dress a row."""
        return cls(id=strawberry.ID(row.id), row=row, role=row.role, joined_at=row.joined_at)

    @strawberry.field
    async def organization(self) -> "Organization":
        """Where."""
        found = await loaders.current().organizations.load(self.row.organization_id)
        assert found is not None, "who sees a membership sees its organization"
        return Organization.dress(found)

    @strawberry.field
    async def user(self) -> User:
        """Who."""
        found = await loaders.current().users.load(self.row.user_id)
        assert found is not None, "who sees a membership sees its user"
        return User.dress(found)


@described
class Organization(Node):
    """A tenant: who belongs together and pays together."""

    id: strawberry.ID
    row: strawberry.Private[organizations.Organization]
    slug: str = strawberry.field(description="3 to 63 characters, unique among the living.")
    name: str
    external_id: str | None = strawberry.field(description="The host's own id, unique.")
    created_at: datetime
    updated_at: datetime
    restorable_until: datetime | None = strawberry.field(
        description="Set once deleted; only those who may restore it see it then."
    )

    @classmethod
    def of(cls, row: organizations.Organization | None) -> Optional["Organization"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: organizations.Organization) -> "Organization":
        """Dress a row."""
        return cls(
            id=strawberry.ID(row.id),
            row=row,
            slug=row.slug,
            name=row.name,
            external_id=row.external_id,
            created_at=row.created_at,
            updated_at=row.updated_at,
            restorable_until=row.restorable_until,
        )

    @strawberry.field
    async def viewer_role(self) -> MemberRole | None:
        """The effective actor's role; null when not a member."""
        return await loaders.current().roles.load(self.row.id)

    @strawberry.field
    async def seats(self) -> SeatUsage | None:
        """The seats as they are."""
        return SeatUsage.of(await loaders.current().seats.load(self.row.id))

    @strawberry.field
    async def memberships(
        self,
        info: ContextInfo,
        roles: list[MemberRole] | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> CountedConnection[Membership] | None:
        """The members, oldest first; null while it is deleted."""
        members = info.context.services.reading(info.context.caller).members_of(self.row, roles)
        if members is None:
            return None
        return await membership_connection(info, self.row.id, members, first, after, last, before)

    @strawberry.field(extensions=[require_scope(ApiScope.MEMBERS_WRITE)])  # type: ignore[untyped-decorator]  # strawberry types it only without arguments
    async def invitations(
        self,
        info: ContextInfo,
        status: InvitationStatus | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> CountedConnection[AnInvitation] | None:
        """The places offered, newest first; told to those who may invite."""
        from graphql_api.invitations import invitation_connection

        return await invitation_connection(info, self.row, status, first, after, last, before)

    @strawberry.field
    async def customer(self) -> ACustomer | None:
        """Who pays for the organization; made with it."""
        from graphql_api.customers import Customer

        return Customer.of(await loaders.current().customers_by_owner.load(self.row.id))

    @strawberry.field(extensions=[require_scope(ApiScope.AUDIT_READ)])  # type: ignore[untyped-decorator]  # strawberry types it only without arguments
    async def audit_events(
        self,
        info: ContextInfo,
        filter: AnAuditEventFilter | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[AnAuditEvent] | None:
        """What was done in it, newest first; for its OWNER and audit:read."""
        from graphql_api.audit import event_connection

        return await event_connection(info, self.row.id, filter, first, after, last, before)

    @strawberry.field
    async def api_keys(
        self,
        info: ContextInfo,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[AnApiKey] | None:
        """Its API keys, newest first, revoked and expired ones too; for its OWNER."""
        from graphql_api.api_keys import key_connection

        return await key_connection(info, self.row, first, after, last, before)


@described_input
class OrganizationOrder:
    """How organizations are sorted; CREATED_AT ASC by default."""

    field: OrganizationOrderField
    direction: SortDirection = SortDirection.ASC


async def membership_connection(
    info: ContextInfo,
    of: str,
    listing: Listing[organizations.Membership],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> CountedConnection[Membership]:
    """Read one page of the memberships of a user or an organization, named by its id, as a connection."""
    cursors = info.context.cursors(f"memberships of {of}")
    found = await loaders.current().lists.page(listing, cursors.page(first, after, last, before))
    count = partial(loaders.current().lists.count, listing)
    return cursors.counted(found, node=Membership.dress, place=lambda row: (row.joined_at, row.id), count=count)


async def find_organization(
    info: ContextInfo,
    id: strawberry.ID | None = None,
    slug: str | None = None,
    external_id: str | None = None,
) -> Organization | None:
    """One organization by exactly one of the three; two or none is BAD_USER_INPUT."""
    if sum(name is not None for name in (id, slug, external_id)) != 1:
        raise InvalidInput("Give exactly one of id, slug and externalId.")
    reading = info.context.services.reading(info.context.caller)
    async with info.context.database.snapshot() as session:
        return Organization.of(await reading.organization(session, id=id, slug=slug, external_id=external_id))


async def list_organizations(
    info: ContextInfo,
    order_by: OrganizationOrder | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> CountedConnection[Organization] | None:
    """Those the caller belongs to; all of them for administrators and host keys."""
    order = order_by or OrganizationOrder(field=OrganizationOrderField.CREATED_AT)
    descending = order.direction is SortDirection.DESC
    cursors = info.context.cursors(f"organizations {order.field} {order.direction}")
    page = cursors.page(first, after, last, before)
    reading = info.context.services.reading(info.context.caller)
    listing = reading.organizations(order=order.field, descending=descending)
    found = await loaders.current().lists.page(listing, page)
    by_name = order.field is OrganizationOrderField.NAME
    return cursors.counted(
        found,
        node=Organization.dress,
        place=lambda row: (row.name if by_name else row.created_at, row.id),
        count=partial(loaders.current().lists.count, listing),
    )
