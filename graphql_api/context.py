"""What every resolver is handed: who asks, for which request, and the services. Never a session or a loader.

Guards of routes are handed the same.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.db import Database
from domain.errors import Unauthenticated
from domain.identity import Visitor
from domain.scope import Actor, ActorKind, Scope
from domain.wiring import Services
from graphql_api.connections import Cursors

if TYPE_CHECKING:
    from graphql_api.billables import BillableOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One operation's surroundings; cheap to make, closed over nothing that must be closed again."""

    request_id: str
    scope: Scope | None
    services: Services
    billable: "BillableOf | None" = None

    @property
    def anonymous(self) -> bool:
        """Say whether the caller showed no credential."""
        return self.scope is None

    @property
    def caller(self) -> Scope:
        """Who asks.

        Raises:
            Unauthenticated: nobody has shown a credential.
        """
        if self.scope is None:
            raise Unauthenticated
        return self.scope

    @property
    def database(self) -> Database:
        """Where reads open their short snapshots."""
        return self.services.database

    def cursors(self, list_name: str) -> Cursors:
        """Give the cursors of a list; they fit no other list."""
        return Cursors(self.services.settings.secret_keys, list_name=list_name)


class ContextMaker:
    """Makes each operation's context: turns who is asking into a user and a scope."""

    def __init__(self, services: Services, billable: "BillableOf | None") -> None:
        self._services = services
        self._billable = billable

    async def __call__(self, *, request_id: str, visitor: Visitor | None) -> Context:
        """Make the context of one operation.

        Raises:
            Unauthenticated: a hook refused the user.
            Unavailable: the database could not be reached.
        """
        scope = None if visitor is None else await self._scope(visitor, request_id)
        return Context(request_id=request_id, scope=scope, services=self._services, billable=self._billable)

    async def _scope(self, visitor: Visitor, request_id: str) -> Scope:
        user = await self._services.users.arrive(visitor, request_id=request_id)
        return Scope(
            actor=Actor(kind=ActorKind.USER, id=user.id),
            administrator=visitor.administrator,
            request_id=request_id,
            label=visitor.label or user.name or user.email,
        )
