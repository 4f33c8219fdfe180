"""What is wrong with a guard is told when it is made, or when the application starts."""

import functools
from collections.abc import Sequence
from typing import Any

import pytest
import strawberry
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from domain.errors import ConfigError
from graphql_api import permissions
from graphql_api.guards import Guard, require_feature, require_plan
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_guards import ROUTES, Halfway, application, inside, reports, unguarded
from tests.support.api import CATALOG


class Proxy:
    """Makes up whatever it is asked for, without end."""

    def __getattr__(self, name: str) -> "Proxy":
        return Proxy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve nothing."""


def gold(form: str) -> Sequence[BaseRoute]:
    guard: Any = require_feature("gold")
    starlette: dict[str, Sequence[BaseRoute]] = {
        "endpoint": [Route("/", guard(unguarded))],
        "inner": [Route("/", reports(guard(unguarded)))],
        "partial": [Route("/", functools.partial(guard(unguarded)))],
        "class": [Route("/", guard(Halfway))],
        "method": [Route("/", type("Page", (HTTPEndpoint,), {"get": guard(unguarded)}))],
        "bound": [Route("/", type("Bound", (), {"get": guard(lambda self, request: unguarded(request))})().get)],
        "proxied": [Mount("/", app=Proxy()), Route("/", guard(unguarded))],
        "inherited": [Route("/", type("Page", (type("Base", (HTTPEndpoint,), {"get": guard(unguarded)}),), {}))],
        "layer": [Route("/", unguarded, middleware=[Middleware(reports), Middleware(guard)])],
        "socket": [WebSocketRoute("/", guard(unguarded))],
        "mount": [Mount("/", app=guard(application))],
        "inside": [Mount("/", app=reports(Starlette(routes=[Mount("/", routes=[Route("/", guard(unguarded))])])))],
        "around": [Mount("/", app=Starlette(routes=inside, middleware=[Middleware(guard)]))],
        "listed": [Mount("/", routes=inside, middleware=[Middleware(guard)])],
    }
    return starlette[form]


FORMS = (
    "endpoint",
    "inner",
    "partial",
    "class",
    "method",
    "bound",
    "proxied",
    "inherited",
    "layer",
    "socket",
    "mount",
    "inside",
    "around",
    "listed",
)


@pytest.mark.parametrize("form", FORMS)
async def test_an_application_whose_routes_no_plan_can_pass_does_not_start(serve: Serve, form: str) -> None:
    with pytest.raises(ConfigError) as refused:
        async with serve(routes=gold(form)):
            pass

    assert refused.value.faults == ["gate: no plan declares the feature 'gold'"]


async def test_every_fault_of_the_gates_is_named_at_once(serve: Serve) -> None:
    @strawberry.type
    class Faulty:
        field: int = permissions.require_plan("silver")(strawberry.field(resolver=lambda: 1))

    routes = [
        Route("/a", require_plan("bronze")(unguarded)),
        Route("/b", require_feature("reports", on_deny="no_such_module:function")(unguarded)),
    ]
    with pytest.raises(ConfigError) as refused:
        async with serve(query=[Faulty], routes=routes, catalog=f'on_deny = "os:nothing"\n{CATALOG}'):
            pass

    assert refused.value.faults == [
        "gate: no plan is called 'silver', nor a price",
        "on_deny: os:nothing cannot be imported (AttributeError)",
        "gate: no plan is called 'bronze', nor a price",
        "on_deny: no_such_module:function cannot be imported (ModuleNotFoundError)",
    ]


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        "thing", [None, "text", 7, [], int, ROUTES[0], Mount("/x", routes=[]), strawberry.field(resolver=lambda: 1)]
    )
    def test_a_guard_on_anything_but_an_endpoint_or_an_application_is_a_type_error(self, thing: object) -> None:
        with pytest.raises(TypeError, match="above an endpoint or around an application"):
            require_feature("reports")(thing)

    def test_a_guard_without_a_name_is_a_type_error(self) -> None:
        guard: Any = require_feature
        with pytest.raises(TypeError, match="requires the name of a feature"):
            guard(unguarded)

    def test_a_billable_that_takes_no_request_is_a_type_error(self) -> None:
        for billable in (lambda: None, "acme"):
            with pytest.raises(TypeError, match="one argument"):
                Guard(feature="reports", billable=billable)  # type: ignore[arg-type]  # that is the point
