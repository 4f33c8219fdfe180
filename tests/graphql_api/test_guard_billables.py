"""Whose entitlements count for a guard of a route: its own function says, else it is who shows the credential."""

import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Route

from domain.entitlements import Billable
from domain.organizations import Organization
from graphql_api.guards import context, require_feature, require_plan
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_guards import FORBIDDEN, JSON, acme, get, inside, reports, unguarded
from tests.support.statements import statements


async def test_without_a_function_it_is_the_callers_user(serve: Serve) -> None:
    routes = [Route("/own", require_feature("reports")(unguarded))]

    async with serve(routes=routes) as api:
        document = "query($id: ID!) { node(id: $id) { ... on User { customer { id } } } }"
        own = await api.ask(document, id=await api.user("ann"))
        await api.holds(own.data["node"]["customer"])

        assert await get(api, "/own", "ann") == (200, "let in")
        assert await get(api, "/own", "bob") == await get(api, "/own", None) == FORBIDDEN
        wrong = {"authorization": "Bearer no.token.this", "accept": JSON}
        assert (await api.client.get("/own", headers=wrong)).status_code == 403


async def test_a_stranger_is_nothing_to_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    routes = [Route("/own", require_feature("reports")(unguarded)), Route("/acme", reports(unguarded))]

    async with serve(routes=routes) as api:
        caplog.clear()
        for path in ("/own", "/acme"):
            for bearer in (None, "Bearer no.token.this"):
                headers = {} if bearer is None else {"authorization": bearer}
                assert (await api.client.get(path, headers=headers)).status_code == 403

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_it_is_never_said_by_parameters_or_other_headers(serve: Serve) -> None:
    routes = [Route("/own/{user}", require_feature("reports")(unguarded))]

    async with serve(routes=routes) as api:
        document = "query($id: ID!) { node(id: $id) { ... on User { id customer { id } } } }"
        own = (await api.ask(document, id=await api.user("ann"))).data["node"]
        await api.holds(own["customer"])
        names = {"user": own["id"], "billable": own["id"], "customerId": own["customer"]["id"]}
        headers = {"authorization": f"Bearer {api.token('bob')}", "x-seatgate-on-behalf-of": own["id"]} | names

        answer = await api.client.get(f"/own/{own['id']}", params=names, headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize("wrong", ["raises", "text", "nothing", "later"])
async def test_a_function_that_fails_bills_nobody(serve: Serve, wrong: str) -> None:
    def billable(request: Request) -> Any:
        if wrong == "raises":
            raise RuntimeError("the host is broken")
        return "acme" if wrong == "text" else None

    async def later(request: Request) -> Any:
        await request.json()

    found = later if wrong == "later" else billable
    routes = [Mount("/page", app=require_feature("reports", billable=found)(Starlette(routes=inside)))]
    async with serve(routes=routes) as api:
        await api.holds((await api.organization())["customer"])

        assert await get(api, "/page/") == FORBIDDEN


async def test_a_function_is_asked_once_for_each_request_and_every_guard_for_itself(serve: Serve) -> None:
    asked: list[str] = []

    async def counted(request: Request) -> Billable | None:
        asked.append("counted")
        return await acme(request)

    async def other(request: Request) -> Billable | None:
        asked.append("other")
        return await acme(request)

    endpoint = require_plan("team", billable=other)(unguarded)
    endpoint = require_feature("api", billable=counted)(require_feature("sso", billable=counted)(endpoint))
    async with serve(routes=[Mount("/in", routes=[Route("/page", endpoint)])]) as api:
        await api.holds((await api.organization())["customer"])
        once = await get(api, "/in/page")
        await get(api, "/in/page")

    assert once == (200, "let in")
    assert asked == ["counted", "other"] * 2


async def test_what_is_not_there_and_what_is_anothers_take_the_same_work(serve: Serve) -> None:
    async def named(request: Request) -> Organization | None:
        found = await context(request)
        async with found.database.snapshot() as session:
            return await found.services.reading(found.caller).organization(session, id=request.path_params["id"])

    routes = [Route("/{id}/page", require_feature("reports", billable=named)(unguarded))]
    async with serve(routes=routes) as api:
        theirs = await api.organization("bob", "Bob's")
        await api.holds(theirs["customer"])
        await api.user("ann")
        found = []
        for id in (theirs["id"], f"org_{'0' * 32}", "nonsense"):
            with statements(api.services.database) as sent:
                found.append((await get(api, f"/{id}/page"), len(sent)))
        granted = await get(api, f"/{theirs['id']}/page", "bob")

    assert [answer for answer, _ in found] == [FORBIDDEN] * 3
    assert found[0] == found[1]
    assert granted == (200, "let in")
