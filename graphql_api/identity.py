"""People and the caller."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Optional, Union

import strawberry
from strawberry import Info

from domain import identity
from domain.organizations import memberships_of
from domain.scope import Actor as DomainActor
from domain.scope import ActorKind, Scope
from graphql_api import loaders
from graphql_api.connections import CountedConnection
from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.enums import ApiScope
from graphql_api.node import Node

if TYPE_CHECKING:
    from graphql_api.api_keys import ApiKey
    from graphql_api.customers import Customer
    from graphql_api.organizations import Membership

ACustomer = Annotated["Customer", strawberry.lazy("graphql_api.customers")]
AnApiKey = Annotated["ApiKey", strawberry.lazy("graphql_api.api_keys")]
AMembership = Annotated["Membership", strawberry.lazy("graphql_api.organizations")]


@described
class SystemActor:
    """A part of Seatgate that acts by itself: worker, webhook, command line."""

    name: str


@described
class User(Node):
    """A person, known by issuer and subject. Seen by oneself, by those who share an organization, administrators."""

    id: strawberry.ID
    row: strawberry.Private[identity.User]
    name: str | None
    email: str | None = strawberry.field(description="Verified only; unique among living users.")
    created_at: datetime

    @classmethod
    def of(cls, row: identity.User | None) -> Optional["User"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: identity.User) -> "User":
        """Dress a row."""
        return cls(id=strawberry.ID(row.id), row=row, name=row.name, email=row.email, created_at=row.created_at)

    @strawberry.field
    def issuer(self, info: Info[Context, None]) -> str | None:
        """Who vouches for the user; told to host keys and administrators."""
        return self.row.issuer if _may_look(info) else None

    @strawberry.field
    def subject(self, info: Info[Context, None]) -> str | None:
        """The issuer's name for the user; told to host keys and administrators."""
        return self.row.subject if _may_look(info) else None

    @strawberry.field
    async def customer(self) -> ACustomer | None:
        """The user's own customer; told to the user, host keys and administrators."""
        from graphql_api.customers import Customer

        return Customer.of(await loaders.current().customers_by_owner.load(self.row.id))


Actor = Annotated[Union[User, AnApiKey, SystemActor], strawberry.union("Actor", description="Who does things.")]  # noqa: UP007 - strawberry reads it so


@described
class Viewer:
    """The caller."""

    scope: strawberry.Private[Scope]
    administrator: bool
    scopes: list[ApiScope] = strawberry.field(description="Of an API key; empty for a user.")

    @strawberry.field
    async def actor(self) -> Actor | None:
        """Who sent the credential."""
        return await actor_of(self.scope.actor)

    @strawberry.field
    async def effective_actor(self) -> Actor | None:
        """For whom it acts: the same."""
        return await actor_of(self.scope.actor)

    @strawberry.field
    async def memberships(
        self,
        info: Info[Context, None],
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> CountedConnection[AMembership] | None:
        """The caller's memberships, oldest first."""
        from graphql_api.organizations import membership_connection

        user = self.scope.actor.id
        return await membership_connection(info, user, memberships_of(user), first, after, last, before)


async def actor_of(actor: DomainActor) -> "User | ApiKey | SystemActor | None":
    """Dress an actor; None for a user or a key that the caller may not see."""
    from graphql_api.api_keys import ApiKey

    if actor.kind is ActorKind.USER:
        return User.of(await loaders.current().users.load(actor.id))
    if actor.kind is ActorKind.API_KEY:
        return ApiKey.of(await loaders.current().api_keys.load(actor.id))
    return SystemActor(name=actor.id)


def _may_look(info: Info[Context, None]) -> bool:
    return info.context.caller.administrator


def viewer(info: Info[Context, None]) -> Viewer | None:
    """Who the credential is, for whom it acts and what it may do."""
    scope = info.context.caller
    return Viewer(scope=scope, administrator=scope.administrator, scopes=[])
