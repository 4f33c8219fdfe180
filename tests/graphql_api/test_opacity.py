"""A denial is the same to the byte on each surface, whatever was missing or broken."""

import json
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute

from domain.entitlements.catalog import parse
from graphql_api.permissions import require_feature, require_plan
from graphql_api.requirements import Surface
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_gates import own_organization, report
from tests.graphql_api.test_guards import reports, talk, team, unguarded
from tests.graphql_api.test_streams import formatted, watch
from tests.support import sockets
from tests.support.api import Api
from tests.support.statements import lost
from tests.support.tables import execute

feature = require_feature("reports", billable=own_organization)
plan = require_plan("team", billable=own_organization)


@strawberry.type
class Reads:
    feature: list[str] = strawberry.field(resolver=report, extensions=[feature])
    plan: list[str] = strawberry.field(resolver=report, extensions=[plan])


@strawberry.type
class Writes:
    write: list[str] = strawberry.mutation(resolver=report, extensions=[feature])


@strawberry.type
class Streams:
    @plan
    @strawberry.subscription
    async def stream(self) -> AsyncGenerator[int]:
        yield 1


ROUTES = [
    Route("/feature", reports(unguarded)),
    Route("/plan", team(unguarded)),
    Mount("/mount", app=reports(Starlette(routes=[Route("/", unguarded)]))),
    WebSocketRoute("/talk", talk),
]
PAID = re.compile(r',"extensions":\{"cost":\{[^}]*\}\}(?=\}$)')
OPAQUE = '{"message":"Forbidden","locations":[{"line":1,"column":%d}],"path":["%s"],"extensions":{"code":"FORBIDDEN"}}'
NEVER = {
    "x-request-id": "a-request",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "vary": "Origin",
}


def graphql(field: str, column: int) -> tuple[int, str, dict[str, str]]:
    body = f'{{"data":{{"{field}":null}},"errors":[{OPAQUE % (column, field)}]}}'
    kind = {"content-type": "application/graphql-response+json; charset=utf-8", "content-length": str(len(body))}
    return 200, body, NEVER | kind


JSON = (403, '{"error":"forbidden"}', NEVER | {"content-type": "application/json", "content-length": "21"})
TEXT = (403, "Forbidden", NEVER | {"content-type": "text/plain; charset=utf-8", "content-length": "9"})
EXPECTED = {
    "feature field": graphql("feature", 3),
    "plan field": graphql("plan", 3),
    "mutation": graphql("write", 12),
    "subscription": [{"data": None, "errors": [json.loads(OPAQUE % (16, "stream"))]}],
    "feature route": JSON,
    "plan route": TEXT,
    "mount": JSON,
    "websocket": [{"type": "websocket.close", "code": 1008, "reason": ""}],
}


def unpaid(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """Leave out of an answer what the caller has paid and has left, which tells of the caller alone."""
    text = PAID.sub("", answer.text)
    headers = {name: value for name, value in answer.headers.items() if not name.startswith("ratelimit-")}
    length = int(headers["content-length"]) - len(answer.text) + len(text)
    return text, headers | {"content-length": str(length)}


async def surfaces(api: Api, who: str) -> dict[str, Any]:
    """Ask everywhere and give all that is answered."""
    bearer = {"authorization": f"Bearer {api.token(who)}", "x-request-id": "a-request"}

    async def http(path: str, accept: str, query: str | None = None) -> tuple[int, str, dict[str, str]]:
        method, body = ("GET", None) if query is None else ("POST", {"query": query})
        answer = await api.client.request(method, path, json=body, headers=bearer | {"accept": accept})
        return answer.status_code, *unpaid(answer)

    wire = "application/graphql-response+json"
    stream = await watch(api, "subscription { stream }", who, subscription=(Streams,))
    return {
        "feature field": await http("/graphql", wire, "{ feature }"),
        "plan field": await http("/graphql", wire, "{ plan }"),
        "mutation": await http("/graphql", wire, "mutation { write }"),
        "subscription": [formatted(result) async for result in stream],
        "feature route": await http("/feature", "application/json"),
        "plan route": await http("/plan", "text/html"),
        "mount": await http("/mount/", "application/problem+json"),
        "websocket": await sockets.connect(api.app, "/talk", bearer),
    }


Cause = Callable[[Api, Any, AsyncExitStack], Awaitable[str | None]]


async def nobody_to_bill(api: Api, customer: Any, later: AsyncExitStack) -> str:
    await api.holds(customer)
    return "bob"


async def no_customer(api: Api, customer: Any, later: AsyncExitStack) -> None:
    await api.holds(customer)
    await execute(api.services.database, "UPDATE customers SET owner_id = 'org_gone'")


async def no_subscription(api: Api, customer: Any, later: AsyncExitStack) -> None:
    """Have bought nothing."""


async def another_plan(api: Api, customer: Any, later: AsyncExitStack) -> None:
    await api.holds(customer, "price_basic")


async def ended(api: Api, customer: Any, later: AsyncExitStack) -> None:
    await api.holds(customer, status="canceled", ended_at=api.now())


async def grace_over(api: Api, customer: Any, later: AsyncExitStack) -> None:
    await api.holds(customer, status="past_due")
    api.clock.forward(days=7, seconds=1)


async def unmapped(api: Api, customer: Any, later: AsyncExitStack) -> None:
    await api.holds(customer, "price_of_nobody")


async def unresolved(api: Api, customer: Any, later: AsyncExitStack) -> None:
    await api.holds(customer)
    await execute(api.services.database, "UPDATE billing_subscriptions SET state = '{}'")


async def database_away(api: Api, customer: Any, later: AsyncExitStack) -> None:
    await api.holds(customer)
    later.enter_context(lost(api.services.database, "billing_subscriptions"))


async def unknown_names(api: Api, customer: Any, later: AsyncExitStack) -> None:
    """Let a catalog come into force that knows neither the feature nor the plan."""
    await api.holds(customer)
    api.services.entitlements.in_force.replace(parse({"new": "[default]\nlimits = { seats = 1 }"}))


CAUSES: tuple[Cause, ...] = (
    nobody_to_bill,
    no_customer,
    no_subscription,
    another_plan,
    ended,
    grace_over,
    unmapped,
    unresolved,
    database_away,
    unknown_names,
)


async def test_every_surface_lets_pass_who_has_it_and_is_told_to_the_gate(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "seatgate.checks")
    async with serve(query=[Reads], mutation=[Writes], subscription=[Streams], routes=ROUTES) as api:
        await api.holds((await api.organization())["customer"])

        found = await surfaces(api, "ann")

    assert {name for name in EXPECTED if found[name] == EXPECTED[name]} == set()
    told = {word for record in caplog.records for word in record.getMessage().split() if word.startswith("surface=")}
    assert told == {f"surface={surface}" for surface in Surface}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.__name__)
async def test_a_denial_tells_nothing_of_its_cause_on_any_surface(serve: Serve, cause: Cause) -> None:
    async with serve(query=[Reads], mutation=[Writes], subscription=[Streams], routes=ROUTES) as api:
        customer = (await api.organization())["customer"]
        async with AsyncExitStack() as later:
            who = await cause(api, customer, later) or "ann"
            found = await surfaces(api, who)

    assert found == EXPECTED
