"""From what a connection shows to who is asking, in two steps: the first asks no database, the second may.

Every way in (GraphQL over HTTP and sockets, a host's routes, the operators' pages) recognizes callers here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from domain import identity
from domain.identity import Asking, AuthAdapter, ShownKey, Visitor
from domain.scope import Actor, ActorKind, Scope
from domain.wiring import Services
from graphql_api.billables import BillableOf
from graphql_api.context import Context
from graphql_api.limits import Allowance, Allowances

Shown: TypeAlias = Visitor | ShownKey
"""What a request has shown of who is asking: a person, proven already, or an API key, which the database must prove."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How one application tells who is asking: by API keys, and by what the adapter proves of people."""

    services: Services
    adapter: AuthAdapter
    allowances: Allowances
    billable: BillableOf | None = None

    def payer(self, remote_address: str | None) -> Allowance:
        """Find the bucket from which an address pays for what nobody else does."""
        return self.allowances.of_address(remote_address)

    async def visitor(self, asking: Asking) -> Shown | None:
        """Prove what can be proven without the database; None without a credential. No adapter ever sees an API key.

        Raises:
            Unauthenticated: it is there and proves nothing; the address has paid for it.
            RateLimited: the same, and the address could not pay.
            Unavailable: nobody can say, because the keys of the tokens' issuer are not to be had.
        """
        with self.payer(asking.remote_address).paying_for_guesses():
            return ShownKey.of(asking.headers) or await identity.recognize(self.adapter, asking)

    async def context(self, *, request_id: str, visitor: Shown | None, asking: Asking) -> Context:
        """Make the context of one operation.

        Raises:
            Unauthenticated: a hook refused the user, or the user is no more; or the key opens nothing.
            RateLimited: the same, too often from this address; of a key nobody is asked then.
            Unavailable: the database could not be reached.
        """
        # People are proven already. Whoever shows a key may be anybody, and pays before the database is asked.
        with self.payer(asking.remote_address).paying_for_guesses(ahead=isinstance(visitor, ShownKey)):
            scope, expires_at = await self._proven(visitor, request_id)
        return Context(
            request_id=request_id,
            scope=scope,
            services=self.services,
            billable=self.billable,
            remote_address=asking.remote_address,
            expires_at=expires_at,
            allowance=self.allowances.of(scope, asking.remote_address),
        )

    async def _proven(self, shown: Shown | None, request_id: str) -> tuple[Scope | None, datetime | None]:
        """Say what the credential makes of its bearer, and from when on it proves nothing."""
        if shown is None:
            return None, None
        if isinstance(shown, ShownKey):
            key = await self.services.keys.prove(shown, request_id=request_id)
            return key.scope, key.expires_at
        user = await self.services.users.arrive(shown, request_id=request_id)
        scope = Scope(
            actor=Actor(kind=ActorKind.USER, id=user.id),
            administrator=shown.administrator,
            request_id=request_id,
            label=shown.label or user.name or user.email,
        )
        return scope, shown.expires_at
