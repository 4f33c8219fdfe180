"""What customers have beyond their plans, as the outside sees it. Administrators alone list and fetch overrides."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Optional

import strawberry
from strawberry import Info

from domain import entitlements, ids
from domain.entitlements import UNLIMITED, overrides_of
from domain.ids import Prefix
from domain.scope import Actor as DomainActor
from domain.scope import ActorKind
from graphql_api import loaders
from graphql_api.connections import Connection
from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.identity import Actor, actor_of
from graphql_api.node import Node

if TYPE_CHECKING:
    from graphql_api.customers import Customer

ACustomer = Annotated["Customer", strawberry.lazy("graphql_api.customers")]


@described
class Override(Node):
    """More than the plans give, for a while: a feature, or a limit of at least value. Never takes away."""

    id: strawberry.ID
    row: strawberry.Private[entitlements.Override]
    feature: str | None = strawberry.field(description="Exactly one of feature and limit.")
    limit: str | None
    value: int | None = strawberry.field(description="Of the limit; null when unlimited.")
    unlimited: bool
    reason: str
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="Its last instant; null: it lasts until revoked.")
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: entitlements.Override | None) -> Optional["Override"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: entitlements.Override) -> "Override":
        """Dress a row."""
        unlimited = row.value == UNLIMITED
        return cls(
            id=strawberry.ID(row.id),
            row=row,
            feature=row.feature,
            limit=row.limit_key,
            value=None if unlimited else row.value,
            unlimited=unlimited,
            reason=row.reason,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )

    @strawberry.field
    async def customer(self) -> ACustomer | None:
        """Who has it."""
        from graphql_api.customers import Customer

        return Customer.of(await loaders.current().customers.load(self.row.customer_id))

    @strawberry.field
    async def created_by(self) -> Actor | None:
        """Who granted it; null for somebody whom the caller may not see, or who is gone."""
        id = self.row.created_by
        kind = ActorKind.USER if ids.prefix_of(id) is Prefix.USER else ActorKind.SYSTEM
        return await actor_of(DomainActor(kind=kind, id=id))


async def override_connection(
    info: Info[Context, Any],
    customer_id: str,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    *,
    include_ended: bool,
) -> Connection[Override]:
    """Read one page of a customer's overrides, newest first; those that have ended only when asked for."""
    cursors = info.context.cursors(f"overrides of {customer_id} {include_ended}")
    page = cursors.page(first, after, last, before)
    living_at = None if include_ended else info.context.services.clock.now()
    found = await loaders.current().lists.page(overrides_of(customer_id, living_at=living_at), page)
    return cursors.connection(found, node=Override.dress, place=lambda row: (row.created_at, row.id))
