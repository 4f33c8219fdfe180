"""From what a connection shows to who is asking, in two steps: the first asks no database, the second may.

Every way in (GraphQL over HTTP and sockets, a host's routes, the operators' pages) recognizes callers here.
"""

from dataclasses import dataclass

from domain import identity
from domain.identity import Asking, AuthAdapter, Visitor
from domain.scope import Actor, ActorKind, Scope
from domain.wiring import Services
from graphql_api.billables import BillableOf
from graphql_api.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How one application tells who is asking."""

    services: Services
    adapter: AuthAdapter
    billable: BillableOf | None = None

    async def visitor(self, asking: Asking) -> Visitor | None:
        """Prove what is shown; None without a credential.

        Raises:
            Unauthenticated: it is there and proves nothing.
            Unavailable: nobody can say, because the keys of the tokens' issuer are not to be had.
        """
        return await identity.recognize(self.adapter, asking)

    async def context(self, *, request_id: str, visitor: Visitor | None, asking: Asking) -> Context:
        """Make the context of one operation.

        Raises:
            Unauthenticated: a hook refused the user, or the user is no more.
            Unavailable: the database could not be reached.
        """
        return Context(
            request_id=request_id,
            scope=None if visitor is None else await self._scope(visitor, request_id),
            services=self.services,
            billable=self.billable,
            remote_address=asking.remote_address,
            expires_at=None if visitor is None else visitor.expires_at,
        )

    async def _scope(self, visitor: Visitor, request_id: str) -> Scope:
        user = await self.services.users.arrive(visitor, request_id=request_id)
        return Scope(
            actor=Actor(kind=ActorKind.USER, id=user.id),
            administrator=visitor.administrator,
            request_id=request_id,
            label=visitor.label or user.name or user.email,
        )
