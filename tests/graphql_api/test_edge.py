"""What stands around every route: ids, hosts, origins, limits, health; and that no exception leaves."""

import asyncio
import logging

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from graphql_api import edge, health
from tests.graphql_api.toy import app, client


async def silence() -> Message:
    return {}


async def nowhere(message: Message) -> None:
    pass


@pytest.mark.parametrize("path", ["/livez", "/graphql", "/explode", "/nowhere"])
async def test_every_response_has_an_id_and_may_not_be_sniffed(path: str) -> None:
    async with client() as toy:
        first, second = await toy.get(path), await toy.get(path)

    assert len({first.headers["x-request-id"], second.headers["x-request-id"]}) == 2
    assert len(first.headers["x-request-id"]) == 32
    assert first.headers["x-content-type-options"] == "nosniff"


async def test_a_harmless_id_of_the_client_is_kept() -> None:
    async with client() as toy:
        response = await toy.get("/livez", headers={"x-request-id": "My-id_7"})

    assert response.headers.get_list("x-request-id") == ["My-id_7"]


@pytest.mark.parametrize("identity", ["", "x" * 65, "a b", "a\tb", "a;b", "ä", "<script>"])
async def test_any_other_id_of_the_client_is_replaced(identity: str) -> None:
    async with client() as toy:
        response = await toy.get("/livez", headers=[(b"x-request-id", identity.encode())])

    assert response.headers["x-request-id"] != identity
    assert len(response.headers["x-request-id"]) == 32


async def test_two_ids_of_the_client_are_replaced() -> None:
    async with client() as toy:
        response = await toy.get("/livez", headers=[("x-request-id", "a"), ("x-request-id", "b")])

    assert len(response.headers["x-request-id"]) == 32


async def test_an_exception_becomes_a_bare_500_and_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async with client() as toy:
        response = await toy.get("/explode")

    (line,) = [record for record in caplog.records if record.name.startswith("graphql_api")]
    assert (response.status_code, response.json()) == (500, {"error": "internal"})
    assert response.headers["x-request-id"] in line.getMessage()
    assert line.exc_info


async def test_an_exception_after_the_answer_has_begun_adds_nothing_to_it() -> None:
    sent: list[str] = []

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await edge.Edge(half)({"type": "http", "headers": []}, silence, send)

    assert sent == ["http.response.start"]


@pytest.mark.parametrize("host", ["evil.example", "", "toy.example.evil.example"])
async def test_an_unknown_host_is_refused(host: str) -> None:
    async with client(app(hosts=["toy.example"])) as toy:
        refused = await toy.get("/livez", headers={"host": host})
        served = await toy.get("/livez")

    assert (refused.status_code, served.status_code) == (400, 200)
    assert refused.headers["x-request-id"]


async def test_only_allowed_origins_may_read_across() -> None:
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    async with client(app(origins=["https://app.example"])) as toy:
        friend = await toy.options("/graphql", headers={"origin": "https://app.example"} | preflight)
        stranger = await toy.options("/graphql", headers={"origin": "https://evil.example"} | preflight)
        plain = await toy.get("/livez", headers={"origin": "https://app.example"})

    assert (friend.status_code, stranger.status_code) == (200, 400)
    assert friend.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in stranger.headers
    assert plain.headers["access-control-expose-headers"] == ", ".join(edge.TOLD)
    assert {"x-request-id", "ratelimit-remaining", "retry-after"} < set(edge.TOLD)
    assert "access-control-allow-credentials" not in plain.headers


def request_of(*chunks: bytes, announced: str | None = None) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting = iter([*messages, {"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        return next(waiting)

    headers = [] if announced is None else [(b"content-length", announced.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert await edge.body(request_of(b"ab", b"cd"), limit=4) == b"abcd"
    assert await edge.body(request_of(b"abcd", announced="4"), limit=4) == b"abcd"


@pytest.mark.parametrize("announced", ["5", "-1", "x", "", "²", "9" * 5000])
async def test_a_body_that_announces_too_much_or_nonsense_is_refused_unread(announced: str) -> None:
    with pytest.raises(edge.TooLarge):
        await edge.body(request_of(announced=announced), limit=4)


async def test_a_body_is_counted_whatever_it_announces() -> None:
    with pytest.raises(edge.TooLarge):
        await edge.body(request_of(b"ab", b"cde", announced="1"), limit=4)


async def test_a_body_that_does_not_come_is_refused() -> None:
    async def receive() -> Message:
        await asyncio.sleep(60)
        return {}

    with pytest.raises(edge.TooSlow):
        await edge.body(Request({"type": "http", "headers": []}, receive), limit=4, seconds=0.01)


async def test_livez_answers_and_readyz_asks() -> None:
    async with client() as toy:
        live, ready = await toy.get("/livez"), await toy.get("/readyz")

    assert (live.status_code, live.json()) == (200, {"ok": True})
    assert (ready.status_code, ready.json()) == (200, {"ok": True})


async def readyz(answer: bool | None) -> httpx.Response:
    async def ready() -> bool:
        if answer is None:
            raise TimeoutError
        return answer

    async with client(Starlette(routes=health.routes(ready=ready))) as toy:
        return await toy.get("/readyz")


@pytest.mark.parametrize("answer", [False, None])
async def test_readyz_takes_a_no_and_silence_for_503(answer: bool | None) -> None:
    response = await readyz(answer)

    assert (response.status_code, response.json()) == (503, {"ok": False})


async def test_a_lifespan_passes_through() -> None:
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    await edge.Edge(inner)({"type": "lifespan"}, silence, nowhere)

    assert seen == ["lifespan"]


async def test_a_response_may_not_choose_its_own_request_id() -> None:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(edge.request_id(request), headers={"x-request-id": "mine"})

    async with client(
        Starlette(routes=[Route("/", endpoint)], middleware=edge.middleware(allowed_hosts=["*"], allowed_origins=[]))
    ) as toy:
        response = await toy.get("/")

    assert response.headers.get_list("x-request-id") == [response.text]
