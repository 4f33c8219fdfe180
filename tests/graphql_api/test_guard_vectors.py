"""Every row of the seeds' vectors on denials: "plug" is a route here, and "live" a WebSocket."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from domain.entitlements import Redirect
from graphql_api.denials import Form
from graphql_api.guards import Denial, Guard
from tests.graphql_api.conftest import Serve
from tests.support import sockets
from tests.support.api import CATALOG, Api
from tests.support.tables import execute

CASES = {
    case["id"]: case for case in json.loads((Path(__file__).parents[1] / "vectors/on_deny.json").read_text())["cases"]
}
OVERRULED = {
    "od-status-402-text": "a guard has no status of its own; on_deny=(402, …) says it",
    "od-status-opt-ignored-for-redirect": "there is no such option to ignore",
    "od-stash-poisons-later-guard": "each function is asked by itself; here the first guard's denial is the answer",
    "od-init-feature-string": "features are texts, so only what is no text is wrong",
    "od-live-forbidden": "a WebSocket is refused before it is accepted, so there is no page and no flash",
    "od-live-status-body-degrades": "a server that can answer the handshake gives the status and body",
    "od-live-deny-path": "there is no deny_path: on_deny = { redirect } is for every surface",
    "od-live-fun-degrades": "a function is asked on every surface",
}
told: list[Denial] = []


def answering(request: object, denial: Denial) -> Response:
    told.append(denial)
    return PlainTextResponse("from the function", status_code=418)


def form_of(guard: dict[str, Any]) -> Form | None:
    match guard.get("on_deny"), guard.get("status"):
        case ["redirect", path], _:
            return Redirect(path)
        case [int(status), body], _:
            return status, body
        case {"fun": 2}, _:
            return answering
        case None, int(status):
            return status, "Forbidden"
    return None


def catalog_of(config: dict[str, Any]) -> str:
    """Write the configuration as the catalog's."""
    match config:
        case {"on_deny": ["redirect", path]} | {"deny_path": path}:
            return f'on_deny = {{ redirect = "{path}" }}\n{CATALOG}'
        case {"on_deny": [status, body]}:
            return f'on_deny = {{ status = {status}, body = "{body}" }}\n{CATALOG}'
        case {"on_deny": {"fun": 2}}:
            return f'on_deny = "{__name__}:answering"\n{CATALOG}'
    return CATALOG


def billable_of(guard: dict[str, Any]) -> Callable[[Any], None] | None:
    def billable(request: Any) -> None:
        if guard["billable"] != "nil":
            raise RuntimeError("the host is broken")

    return billable if "billable" in guard else None


def guard_of(guard: dict[str, Any]) -> Guard:
    named = {kind: guard[kind] for kind in ("feature", "plan") if kind in guard}
    return Guard(**named, billable=billable_of(guard), on_deny=form_of(guard))


async def page(request: Request) -> Response:
    return PlainTextResponse("let in")


async def talk(socket: WebSocket) -> None:
    await socket.accept()


async def headers_of(api: Api, request: dict[str, Any]) -> dict[str, str]:
    """Let whom the server knows be who shows a credential; an active organization is nothing that one can name."""
    found = {} if request["accept"] is None else {"accept": request["accept"]}
    assigns = request["assigns"]
    match assigns.get("current_user") or assigns.get("current_scope", {}).get("user"):
        case "entitled_p1":
            document = "query($id: ID!) { node(id: $id) { ... on User { customer { id } } } }"
            own = await api.ask(document, id=await api.user("ann"))
            await api.holds(own.data["node"]["customer"])
            return found | {"authorization": f"Bearer {api.token('ann')}"}
        case "no_data":
            await api.user("bob")
            await execute(api.services.database, "UPDATE customers SET owner_id = 'usr_gone'")
            return found | {"authorization": f"Bearer {api.token('bob')}"}
    return found


def named(surface: str, outcome: str) -> list[str]:
    return [id for id, case in CASES.items() if (case["surface"], case["expect"]["outcome"]) == (surface, outcome)]


@pytest.mark.parametrize("row", named("plug", "deny") + named("plug", "allow"))
async def test_a_route_answers_as_the_row_says(serve: Serve, row: str) -> None:
    told.clear()
    case = CASES[row]
    endpoint = guard_of(case["guard"])(page)
    if "then" in case["guard"]:
        endpoint = guard_of(case["guard"])(guard_of(case["guard"]["then"])(page))
    async with serve(routes=[Route("/page", endpoint)], catalog=catalog_of(case["config"])) as api:
        # A client without an accept header is not one that accepts anything.
        api.client.headers.pop("accept")
        answer = await api.client.get("/page", headers=await headers_of(api, case["request"]))

    assert not differing(case["expect"], answer)


def differing(expected: dict[str, Any], answer: httpx.Response) -> dict[str, Any]:
    """Say where an answer is not as a row says."""
    if expected["outcome"] == "allow":
        return {} if answer.text == "let in" else {"outcome": answer.text}
    context = expected.get("context", {})
    told_of = {"called": "context" in expected}
    own = {"status": 418, "body": "from the function"} if told else {"status": 403}
    right = {key: value for key, value in expected.items() if key in {"status", "body", "location", "content_type"}}
    found = {
        "called": bool(told),
        "status": answer.status_code,
        "body": answer.text,
        "location": answer.headers.get("location"),
        "content_type": answer.headers.get("content-type", "").partition(";")[0],
    }
    for key in context if told else ():
        right[key] = {"plug": "route"}.get(context[key], context[key])
        found[key] = getattr(told[0], key)
    return {key: found[key] for key, value in (own | told_of | right).items() if found[key] != value}


@pytest.mark.parametrize("row", named("plug", "argument_error"))
def test_a_guard_that_cannot_be_is_refused_as_the_row_says(row: str) -> None:
    written = CASES[row]["guard"]
    if row in OVERRULED:
        assert guard_of({"feature": written["feature"]["$str"]}).requirement.required == "x"
        written = {"feature": ("x",)}

    with pytest.raises(TypeError, match=CASES[row]["expect"]["mentions"]):
        guard_of(written)


@pytest.mark.parametrize("row", named("live", "deny"))
async def test_a_websocket_is_refused_before_it_is_accepted(serve: Serve, row: str) -> None:
    told.clear()
    case = CASES[row]
    assert row in OVERRULED
    route = WebSocketRoute("/talk", guard_of(case["guard"])(talk))

    async with serve(routes=[route], catalog=catalog_of(case["config"])) as api:
        bare = await sockets.connect(api.app, "/talk")
        answered = await sockets.connect(api.app, "/talk", denial_response=True)

    assert [message["type"] for message in bare] == ["websocket.close"]
    assert [message["type"] for message in answered] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    status = {"od-live-deny-path": 302, "od-live-fun-degrades": 418}.get(row, 403)
    assert answered[0]["status"] == status


def test_every_overruled_row_is_a_row() -> None:
    assert {*OVERRULED} < {*CASES}
    assert len(CASES) == 23
