"""API keys as the outside sees them: their organization's OWNER, administrators, and each key itself."""

from datetime import datetime
from typing import TYPE_CHECKING, Optional

import strawberry

from domain import identity
from domain.scope import Actor as DomainActor
from graphql_api import loaders
from graphql_api.connections import Connection
from graphql_api.described import described
from graphql_api.enums import ApiScope
from graphql_api.identity import Actor, actor_of
from graphql_api.node import Node
from graphql_api.organizations import ContextInfo, Organization

if TYPE_CHECKING:
    from domain.organizations import Organization as OrganizationRow


@described
class ApiKey(Node):
    """A credential of a program. The secret is shown once, by createApiKey."""

    id: strawberry.ID
    row: strawberry.Private[identity.ApiKey]
    label: str
    scopes: list[ApiScope]
    created_at: datetime
    last_used_at: datetime | None = strawberry.field(description="To the minute.")
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: identity.ApiKey | None) -> Optional["ApiKey"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: identity.ApiKey) -> "ApiKey":
        """Dress a row."""
        return cls(
            id=strawberry.ID(row.id),
            row=row,
            label=row.label,
            scopes=row.scopes_in_order,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )

    @strawberry.field
    async def organization(self) -> Organization | None:
        """Whose it is; null: a host key, for every organization."""
        id = self.row.organization_id
        return None if id is None else Organization.of(await loaders.current().organizations.load(id))

    @strawberry.field
    async def created_by(self) -> Actor | None:
        """Who has made it; null for somebody whom the caller may not see, or who is gone."""
        return await actor_of(DomainActor(kind=self.row.created_by_kind, id=self.row.created_by_id))


async def key_connection(
    info: ContextInfo,
    organization: "OrganizationRow",
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[ApiKey]:
    """Read one page of an organization's keys, newest first.

    Raises:
        Forbidden: the caller is not its OWNER, or it is deleted and the caller no administrator.
    """
    cursors = info.context.cursors(f"API keys of {organization.id}")
    page = cursors.page(first, after, last, before)
    role = None if organization.deleted_at else await loaders.current().roles.load(organization.id)
    listing = info.context.services.keys.reading(info.context.caller).of(organization.id, role=role)
    found = await loaders.current().lists.page(listing, page)
    return cursors.connection(found, node=ApiKey.dress, place=lambda row: (row.created_at, row.id))
