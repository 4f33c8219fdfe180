"""Guards of a host's own routes: Starlette endpoints, mounts and WebSockets, by the same engine as the gates on fields.

A guard stands above an endpoint, which is a function, async or not, or an endpoint class; around an ASGI application,
`Mount("/x", app=require_feature("reports")(app))`; or as a middleware,
`Mount("/x", routes=[…], middleware=[Middleware(require_feature("reports"))])`.
"""

import logging
from functools import partial, update_wrapper, wraps
from inspect import iscoroutinefunction, isfunction, ismethod, signature
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.types.field import StrawberryField

from domain.entitlements import Redirect
from graphql_api import denials
from graphql_api.denials import Form
from graphql_api.reception import BillableOf, context, visit_of
from graphql_api.requirements import Denial, GuardKind, Requirement, Surface

__all__ = ["Denial", "Guard", "Guarded", "Redirect", "context", "require_feature", "require_plan"]

log = logging.getLogger(__name__)

T = TypeVar("T")
ASGI = ("scope", "receive", "send")
POLICY_VIOLATION = 1008


class Guard:
    """Denies who does not have exactly one of a feature and a plan, before what it guards begins.

    `billable` tells whose entitlements count; raising, it bills nobody and so denies. `on_deny` is one of the forms of
    `graphql_api.denials`, else the catalog's counts, else the opaque 403.

    Raises:
        TypeError: both or neither of feature and plan are given, or not as text, or `billable` takes no request.
        ConfigError: `on_deny` is none of the forms.
    """

    def __init__(
        self,
        *,
        feature: str | None = None,
        plan: str | None = None,
        billable: BillableOf | None = None,
        on_deny: Form | None = None,
    ) -> None:
        if feature is not None and plan is not None:
            raise TypeError("a guard takes exactly one of feature and plan")
        kind, name = (GuardKind.FEATURE, feature) if plan is None else (GuardKind.PLAN, plan)
        if name is None:
            raise TypeError("a guard requires a feature or a plan")
        if billable is not None and not denials.takes(billable, 1):
            raise TypeError("billable is a function of one argument, the request")
        self.requirement = Requirement(guard=kind, required=name)
        self.billable = billable
        self.on_deny = denials.read_form(on_deny)

    def __call__(self, guarded: T) -> T:
        """Guard an endpoint or an application; what comes back stands in its place.

        Raises:
            TypeError: it is neither, so that nothing would be guarded.
        """
        thing: Any = guarded
        inner = thing.func if isinstance(thing, partial) else thing
        found: Any
        if (isfunction(inner) or ismethod(inner)) and tuple(signature(inner).parameters) != ASGI:
            found = self._endpoint(thing)
        elif _is_application(thing):
            found = Guarded(self, thing)
        else:
            raise TypeError("a guard stands above an endpoint or around an application; fields have permissions")
        result: T = found
        return result

    async def refusal(self, connection: HTTPConnection) -> Response | None:
        """Ask the gate for one connection; None lets pass."""
        visit = visit_of(connection)
        if visit is None:
            log.error("a guard stands where no Seatgate is: give the route to create_app, or join its application")
            return denials.forbidden(connection)
        billable = await visit.billable(self.billable, connection)
        surface = Surface.WEBSOCKET if connection.scope["type"] == "websocket" else Surface.ROUTE
        denial = await self.requirement.denial(visit.services.entitlements, billable, surface=surface)
        if denial is None:
            return None
        return await denials.respond(self.on_deny or visit.services.catalog.on_deny, connection, denial)

    def _endpoint(self, endpoint: Any) -> Any:
        @wraps(endpoint)
        async def guarded(*arguments: Any, **named: Any) -> Any:
            connection = next(given for given in (*arguments, *named.values()) if isinstance(given, HTTPConnection))
            refusal = await self.refusal(connection)
            if refusal is None and iscoroutinefunction(endpoint):
                return await endpoint(*arguments, **named)
            if refusal is None:
                return await run_in_threadpool(endpoint, *arguments, **named)
            return await _turned_away(connection, refusal) if isinstance(connection, WebSocket) else refusal

        guarded.__dict__["guard"] = self
        return guarded


class Guarded:
    """An ASGI application behind a guard; whatever is neither HTTP nor a WebSocket passes."""

    def __init__(self, guard: Guard, app: ASGIApp) -> None:
        # A route takes its name from here.
        update_wrapper(self, app, updated=())
        self.guard = guard
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it. A guard cannot read a body, which belongs to the application."""
        if scope["type"] == "http":
            refusal = await self.guard.refusal(Request(scope))
            await (refusal or self.app)(scope, receive, send)
        elif scope["type"] == "websocket":
            socket = WebSocket(scope, receive, send)
            refusal = await self.guard.refusal(socket)
            await (self.app(scope, receive, send) if refusal is None else _turned_away(socket, refusal))
        else:
            await self.app(scope, receive, send)


def require_feature(feature: str, *, billable: BillableOf | None = None, on_deny: Form | None = None) -> Guard:
    """Guard a route behind a feature."""
    return Guard(feature=feature, billable=billable, on_deny=on_deny)


def require_plan(plan: str, *, billable: BillableOf | None = None, on_deny: Form | None = None) -> Guard:
    """Guard a route behind a plan, named by itself or by a price of it."""
    return Guard(plan=plan, billable=billable, on_deny=on_deny)


def _is_application(thing: Any) -> bool:
    """Tell what can be called with scope, receive and send; a route belongs into a list, and a field into a schema."""
    if isinstance(thing, BaseRoute | StrawberryField):
        return False
    return hasattr(thing, "__await__") if isinstance(thing, type) else callable(thing)


async def _turned_away(socket: WebSocket, refusal: Response) -> None:
    """Refuse a WebSocket before it is accepted: with the response where the server can, else it makes a bare 403."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(refusal)
    else:
        await socket.close(POLICY_VIOLATION)
