"""From what a connection shows to who is asking, in two steps: the first asks no database, the second may.

Every way in (GraphQL over HTTP and sockets, a host's routes, the operators' pages) recognizes callers here.
"""

from dataclasses import dataclass

from domain import identity
from domain.errors import Unauthenticated
from domain.identity import Asking, AuthAdapter, Visitor
from domain.scope import Actor, ActorKind, Scope
from domain.wiring import Services
from graphql_api.billables import BillableOf
from graphql_api.context import Context
from graphql_api.limits import GUESS_POINTS, Allowance, Allowances


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How one application tells who is asking."""

    services: Services
    adapter: AuthAdapter
    allowances: Allowances
    billable: BillableOf | None = None

    def payer(self, remote_address: str | None) -> Allowance:
        """Find the bucket from which an address pays for what nobody else does."""
        return self.allowances.of_address(remote_address)

    async def visitor(self, asking: Asking) -> Visitor | None:
        """Prove what is shown; None without a credential.

        Raises:
            Unauthenticated: it is there and proves nothing; the address has paid for a guess.
            RateLimited: the same, and the address has guessed too often.
        """
        try:
            return await identity.recognize(self.adapter, asking)
        except Unauthenticated:
            self.payer(asking.remote_address).take(GUESS_POINTS)
            raise

    async def context(self, *, request_id: str, visitor: Visitor | None, asking: Asking) -> Context:
        """Make the context of one operation.

        Raises:
            Unauthenticated: a hook refused the user, or the user is no more.
            Unavailable: the database could not be reached.
        """
        scope = None if visitor is None else await self._scope(visitor, request_id)
        return Context(
            request_id=request_id,
            scope=scope,
            services=self.services,
            billable=self.billable,
            remote_address=asking.remote_address,
            expires_at=None if visitor is None else visitor.expires_at,
            allowance=self.allowances.of(scope, asking.remote_address),
        )

    async def _scope(self, visitor: Visitor, request_id: str) -> Scope:
        user = await self.services.users.arrive(visitor, request_id=request_id)
        return Scope(
            actor=Actor(kind=ActorKind.USER, id=user.id),
            administrator=visitor.administrator,
            request_id=request_id,
            label=visitor.label or user.name or user.email,
        )
