"""Who stands at a host's own route: found by the same credentials as in GraphQL, and kept for one connection.

Seatgate puts itself into the connection's scope, because that is what every mount, middleware and nested application
hands on; `request.app` would be whichever of them is innermost. No decision is ever kept here.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.entitlements import Billable
from domain.errors import RateLimited, Unauthenticated, contained
from domain.identity import User
from graphql_api import auth
from graphql_api.context import Context
from graphql_api.recognition import Recognition

log = logging.getLogger(__name__)

BillableOf: TypeAlias = Callable[[Any], "Billable | Awaitable[Billable | None] | None"]
"""Tells whose entitlements count for a request: the request or WebSocket in, a billable or None out."""

KEY = "seatgate"
"""Where a connection's scope holds its `Visit`."""


class Visit:
    """One connection: who asks, and whom each function bills, both found once."""

    def __init__(self, recognition: Recognition) -> None:
        self.services = recognition.services
        self._recognition = recognition
        self._context: Context | None = None
        self._billables: dict[BillableOf | None, Billable | None] = {}

    async def context(self, connection: HTTPConnection) -> Context:
        """Tell who asks.

        Raises:
            Unauthenticated: there is a credential, and it proves nothing.
            RateLimited: the same, too often from this address.
            Unavailable: the database could not be reached.
        """
        if self._context is None:
            asking = auth.asking_of(connection)
            visitor = await self._recognition.visitor(asking)
            request_id = connection.scope.setdefault("state", {}).setdefault("request_id", uuid.uuid4().hex)
            self._context = await self._recognition.context(request_id=request_id, visitor=visitor, asking=asking)
        return self._context

    async def billable(self, asked: BillableOf | None, connection: HTTPConnection) -> Billable | None:
        """Find whose entitlements count: the function says, else it is the caller's user; a failure is nobody's."""
        if asked not in self._billables:
            outcome = await contained(self._find(asked, connection), log=log, where="billable")
            self._billables[asked] = outcome.value
        return self._billables[asked]

    async def _find(self, asked: BillableOf | None, connection: HTTPConnection) -> Billable | None:
        try:
            if asked is None:
                return await self._user(connection)
            found = asked(connection)
            return await found if isawaitable(found) else found
        except (Unauthenticated, RateLimited):
            # Strangers come every day, and are nothing to log with a traceback.
            return None

    async def _user(self, connection: HTTPConnection) -> User | None:
        scope = (await self.context(connection)).scope
        if scope is None or scope.user_id is None:
            return None
        async with self.services.database.snapshot() as session:
            return (await self.services.reading(scope).oneself(session, [scope.user_id])).get(scope.user_id)


class Receiving:
    """The middleware that gives every connection its visit."""

    def __init__(self, app: ASGIApp, *, recognition: Recognition) -> None:
        self.app = app
        self._recognition = recognition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the connection on."""
        scope[KEY] = Visit(self._recognition)
        await self.app(scope, receive, send)


def visit_of(connection: HTTPConnection) -> Visit | None:
    """Find a connection's visit; None where no Seatgate stands around the route."""
    found = connection.scope.get(KEY)
    return found if isinstance(found, Visit) else None


async def context(connection: HTTPConnection) -> Context:
    """Tell a host's route, or its `billable` function, who asks and where the services are, as `info.context` does.

    Raises:
        Unauthenticated: there is a credential, and it proves nothing.
        RateLimited: the same, too often from this address.
        Unavailable: the database could not be reached.
        LookupError: no Seatgate stands around the route.
    """
    visit = visit_of(connection)
    if visit is None:
        raise LookupError("no Seatgate stands around this route: give it to create_app, or join its application")
    return await visit.context(connection)
