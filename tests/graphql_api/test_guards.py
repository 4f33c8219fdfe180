"""Guards on a host's own routes: where they can stand, whom they bill, and that they hold everywhere."""

import functools

import httpx
import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from domain.entitlements import Billable
from domain.errors import ConfigError
from graphql_api.gates import join
from graphql_api.guards import Denial, context, require_feature, require_plan
from tests.graphql_api.conftest import Serve
from tests.support import sockets
from tests.support.api import CATALOG, Api
from tests.support.tables import unchanged

FORBIDDEN = (403, '{"error":"forbidden"}')
JSON = "application/json"


async def acme(connection: HTTPConnection) -> Billable | None:
    """Bill the organization called acme, if the caller sees it."""
    found = await context(connection)
    async with found.database.snapshot() as session:
        return await found.services.reading(found.caller).organization(session, slug="acme")


reports = require_feature("reports", billable=acme)
team = require_plan("team", billable=acme)


@reports
async def asynchronous(request: Request) -> Response:
    return PlainTextResponse("let in")


@team
def synchronous(request: Request) -> Response:
    return PlainTextResponse("let in")


@reports
@team
async def both(request: Request) -> Response:
    return PlainTextResponse("let in")


@reports
class Page(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("let in")


class Halfway(HTTPEndpoint):
    @team
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("let in")


async def unguarded(request: Request) -> Response:
    return PlainTextResponse("let in")


@reports
async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("let in")(scope, receive, send)


@reports
async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@team
class Talk(WebSocketEndpoint):
    pass


inside = [Route("/", unguarded), WebSocketRoute("/talk", lambda socket: socket.accept())]
ROUTES = [
    Route("/asynchronous", asynchronous),
    Route("/synchronous", synchronous),
    Route("/both", both),
    Route("/partial", reports(functools.partial(unguarded))),
    Route("/page", Page),
    Route("/halfway", Halfway),
    Route("/layered", unguarded, middleware=[Middleware(reports)]),
    Mount("/application", app=application),
    Mount("/nested", app=reports(Starlette(routes=inside))),
    Mount("/listed", routes=inside, middleware=[Middleware(team)]),
    WebSocketRoute("/talk", talk),
    WebSocketRoute("/endpoint", Talk),
]
PATHS = (
    "/asynchronous",
    "/synchronous",
    "/both",
    "/partial",
    "/page",
    "/halfway",
    "/layered",
    "/application/",
    "/nested/",
    "/listed/",
)
SOCKETS = ("/talk", "/endpoint", "/nested/talk", "/listed/talk")


async def get(api: Api, path: str, who: str | None = "ann", accept: str = JSON) -> tuple[int, str]:
    bearer = {} if who is None else {"authorization": f"Bearer {api.token(who)}"}
    answer = await api.client.get(path, headers={"accept": accept} | bearer)
    return answer.status_code, answer.text


async def test_a_guard_lets_pass_who_has_it_and_nobody_else_wherever_it_stands(serve: Serve) -> None:
    async with serve(routes=ROUTES) as api:
        customer = (await api.organization())["customer"]
        before = await get(api, "/both")
        await api.holds(customer)
        granted = {path: await get(api, path) for path in PATHS}
        strangers = {path: await get(api, path, "bob") for path in PATHS}
        nobody = await get(api, "/both", None)
        await api.holds(customer, status="canceled", ended_at=api.now())
        after = await get(api, "/both")

    assert granted == dict.fromkeys(PATHS, (200, "let in"))
    assert strangers == dict.fromkeys(PATHS, FORBIDDEN)
    assert before == nobody == after == FORBIDDEN


async def test_a_websocket_is_accepted_only_for_who_has_it(serve: Serve) -> None:
    async with serve(routes=ROUTES) as api:
        customer = (await api.organization())["customer"]
        bearer = {"authorization": f"Bearer {api.token('ann')}"}
        denied = {path: await sockets.connect(api.app, path, bearer) for path in SOCKETS}
        answered = {
            path: await sockets.connect(api.app, path, {"accept": JSON}, denial_response=True) for path in SOCKETS
        }
        await api.holds(customer)
        granted = {path: await sockets.connect(api.app, path, bearer) for path in SOCKETS}

    for path in SOCKETS:
        assert [message["type"] for message in denied[path]] == ["websocket.close"]
        assert answered[path][0]["status"] == 403
        assert answered[path][1]["body"] == b'{"error":"forbidden"}'
        assert granted[path][0]["type"] == "websocket.accept"


async def test_a_denial_runs_nothing_and_writes_nothing(serve: Serve) -> None:
    ran: list[str] = []

    @reports
    async def page(request: Request) -> Response:
        ran.append("page")
        return PlainTextResponse("let in")

    async with serve(routes=[Route("/page", page, methods=["POST"])]) as api:
        await api.organization()
        async with unchanged(api.services.database):
            answer = await api.client.post("/page", headers={"authorization": f"Bearer {api.token('ann')}"})

    assert (answer.status_code, ran) == (403, [])


class TestAHostsOwnApplication:
    async def test_joined_its_guards_ask_seatgate_however_deep_they_stand(self, serve: Serve) -> None:
        async with serve() as api:
            await api.holds((await api.organization())["customer"])
            host = Starlette(routes=[*ROUTES, Mount("/seatgate", app=api.app)])
            join(host, api.app)
            transport = httpx.ASGITransport(host)
            async with httpx.AsyncClient(transport=transport, base_url="http://host.example") as api.client:
                granted = [await get(api, path) for path in PATHS]
                denied = [await get(api, path, "bob") for path in PATHS]
                inner = await api.client.post("/seatgate/graphql", json={"query": "{ serverInfo { version } }"})

        assert granted == [(200, "let in")] * len(PATHS)
        assert denied == [FORBIDDEN] * len(PATHS)
        assert inner.status_code == 200

    async def test_a_guard_around_the_whole_of_it_holds(self, serve: Serve) -> None:
        async with serve() as api:
            await api.holds((await api.organization())["customer"])
            host = Starlette(routes=inside, middleware=[Middleware(reports)])
            join(host, api.app)
            transport = httpx.ASGITransport(host)
            async with httpx.AsyncClient(transport=transport, base_url="http://host.example") as api.client:
                assert await get(api, "/") == (200, "let in")
                assert await get(api, "/", "bob") == FORBIDDEN

    async def test_a_guard_where_no_seatgate_is_denies(self) -> None:
        transport = httpx.ASGITransport(Starlette(routes=ROUTES))
        async with httpx.AsyncClient(transport=transport, base_url="http://host.example") as client:
            answers = [await client.get(path) for path in PATHS]

        assert {(answer.status_code, answer.text) for answer in answers} == {(403, "Forbidden")}

    async def test_a_guard_that_no_plan_can_pass_is_refused(self, serve: Serve) -> None:
        async with serve() as api:
            with pytest.raises(ConfigError, match="no plan declares the feature 'gold'"):
                join(Starlette(middleware=[Middleware(require_feature("gold"))]), api.app)


def test_a_guarded_endpoint_keeps_its_name() -> None:
    assert [Route("/", endpoint).name for endpoint in (asynchronous, Page, application)] == [
        "asynchronous",
        "Page",
        "application",
    ]


async def test_a_guards_own_form_goes_before_the_catalogs(serve: Serve) -> None:
    def by_hand(request: Request, denial: Denial) -> Response:
        return PlainTextResponse(f"{denial.guard} {denial.required}", status_code=402)

    routes = [
        Route("/catalogs", reports(unguarded)),
        Route("/own", require_feature("reports", billable=acme, on_deny=by_hand)(unguarded)),
        Route("/opaque", require_feature("reports", billable=acme, on_deny="forbidden")(unguarded)),
    ]
    async with serve(routes=routes, catalog=f'on_deny = {{ redirect = "/pricing" }}\n{CATALOG}') as api:
        redirected = await api.client.get("/catalogs")
        own, opaque = await get(api, "/own"), await get(api, "/opaque")

    assert (redirected.status_code, redirected.headers["location"], redirected.text) == (302, "/pricing", "")
    assert redirected.headers["cache-control"] == "no-store"
    assert (own, opaque) == ((402, "feature reports"), FORBIDDEN)
