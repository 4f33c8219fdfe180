"""How many requests are served at once, how long each may take, and who is refused while a process ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

from graphql_api import edge, health
from graphql_api.admission import Admission
from graphql_api.draining import Drain

HTTP: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


class House:
    """A route that waits until it may answer, behind the layer."""

    def __init__(self, **limits: Any) -> None:
        self.drain = Drain()
        self.may = asyncio.Event()
        self.inside: asyncio.Queue[str] = asyncio.Queue()
        self.app = Starlette(
            routes=[
                Route("/", self.wait),
                Route("/stream", self.stream),
                Route("/fault", self.fault),
                *health.routes(ready=self.ready),
            ],
            middleware=[Middleware(edge.Edge), Middleware(Admission, drain=self.drain, **limits)],
        )

    async def ready(self) -> bool:
        return not self.drain.begun

    async def wait(self, request: Request) -> Response:
        self.inside.put_nowait("waiting")
        await self.may.wait()
        return PlainTextResponse("done")

    async def stream(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[str]:
            yield "begun"
            self.inside.put_nowait("streaming")
            await self.may.wait()
            yield " and done"

        return StreamingResponse(parts())

    async def fault(self, request: Request) -> Response:
        raise TimeoutError

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://seatgate.example")


def told(response: httpx.Response) -> tuple[int, Any]:
    assert len(response.headers["x-request-id"]) == 32
    assert response.headers["connection"] == "close"
    return response.status_code, response.json()


async def test_more_requests_than_can_be_served_are_refused_at_once_and_health_is_told() -> None:
    house = House(most=2)
    async with house.client() as client:
        served = [asyncio.create_task(client.get("/")) for _ in range(2)]
        for _ in served:
            await house.inside.get()
        refused = await client.get("/")
        alive, ready = await client.get("/livez"), await client.get("/readyz")
        house.may.set()
        again = await asyncio.gather(*served, client.get("/"))

    assert told(refused) == (503, {"error": "busy"})
    assert refused.headers["retry-after"] == "1"
    assert (alive.status_code, ready.status_code) == (200, 200)
    assert [answer.text for answer in again] == ["done"] * 3


async def test_an_answer_that_has_begun_takes_no_place() -> None:
    house = House(most=1)
    async with house.client() as client:
        streamed = asyncio.create_task(client.get("/stream"))
        await house.inside.get()
        waiting = asyncio.create_task(client.get("/"))
        await house.inside.get()
        house.may.set()

        assert (await streamed).text == "begun and done"
        assert (await waiting).text == "done"


async def test_a_place_is_free_again_whatever_becomes_of_the_request() -> None:
    house = House(most=1)
    async with house.client() as client:
        fault = await client.get("/fault")
        leaving = asyncio.create_task(client.get("/"))
        await house.inside.get()
        leaving.cancel()
        await asyncio.wait([leaving])
        house.may.set()

        assert (fault.status_code, fault.json()) == (500, {"error": "internal"})
        assert (await client.get("/")).text == "done"


async def test_an_answer_that_does_not_begin_is_given_up() -> None:
    house = House(response_seconds=0.05)
    async with house.client() as client:
        assert told(await client.get("/")) == (503, {"error": "timeout"})


async def test_an_answer_that_has_begun_takes_as_long_as_it_takes() -> None:
    house = House(response_seconds=0.05)
    async with house.client() as client:
        streamed = asyncio.create_task(client.get("/stream"))
        await house.inside.get()
        await asyncio.sleep(0.2)
        house.may.set()

        assert (await streamed).text == "begun and done"


async def served(
    app: Callable[[Scope, Receive, Send], Awaitable[None]], receive: Receive, drain: Drain | None = None, **limits: Any
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Admission(app, drain=drain or Drain(), **limits)(dict(HTTP), receive, send)
    return sent


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(str(len(await Request(scope, receive).body())))(scope, receive, send)


@pytest.mark.parametrize("arrived", [0, 1, 5])
async def test_a_body_that_does_not_come_is_refused_whatever_the_route_does(arrived: int) -> None:
    parts = iter([{"type": "http.request", "body": b"x", "more_body": True}] * arrived)

    async def receive() -> Message:
        await asyncio.sleep(0)
        if (part := next(parts, None)) is None:
            await asyncio.Event().wait()
        assert part is not None
        return part

    sent = await served(read_all, receive, body_seconds=0.05)

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert sent[1]["body"] == b'{"error":"too_slow"}'


async def test_parts_that_come_just_in_time_each_do_not_make_a_body_long() -> None:
    left = iter(range(250, -1, -1))

    async def receive() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": next(left) > 0}

    assert (await served(read_all, receive, body_seconds=1))[0]["status"] == 408


async def test_only_waiting_takes_from_the_time_of_a_body() -> None:
    parts = iter([True, True, False])

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x", "more_body": next(parts)}

    async def leisurely(scope: Scope, receive: Receive, send: Send) -> None:
        async for _ in Request(scope, receive).stream():
            await asyncio.sleep(0.1)
        await PlainTextResponse("read")(scope, receive, send)

    assert (await served(leisurely, receive, body_seconds=0.05))[1]["body"] == b"read"


async def test_after_the_body_whoever_waits_for_the_client_to_leave_may_wait() -> None:
    parts = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        if (part := next(parts, None)) is not None:
            return part
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await PlainTextResponse((await receive())["type"])(scope, receive, send)

    assert (await served(patient, receive, body_seconds=0.05))[1]["body"] == b"http.disconnect"


async def test_a_process_that_ends_takes_no_new_work_finishes_what_runs_and_says_that_it_is_not_ready() -> None:
    house = House()
    async with house.client() as client:
        running = asyncio.create_task(client.get("/"))
        await house.inside.get()
        house.drain.begin()
        refused = await client.get("/")
        alive, ready = await client.get("/livez"), await client.get("/readyz")
        ending = asyncio.create_task(house.drain.finished())
        await asyncio.sleep(0)
        assert not ending.done()
        house.may.set()
        await ending

        assert (await running).text == "done"
    assert told(refused) == (503, {"error": "shutting_down"})
    assert refused.headers["retry-after"] == "1"
    assert (alive.status_code, ready.status_code) == (200, 503)


async def test_health_is_told_wherever_a_host_has_put_it() -> None:
    house = House(most=0)
    mounted = Starlette(routes=[Mount("/seatgate", house.app)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mounted), base_url="http://host.example") as client:
        alive, refused = await client.get("/seatgate/livez"), await client.get("/seatgate/")

    assert (alive.status_code, refused.status_code) == (200, 503)


async def test_a_process_that_ends_takes_no_new_socket() -> None:
    drain, sent = Drain(), []
    drain.begin()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await Admission(read_all, drain=drain)({"type": "websocket", "path": "/graphql", "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1001}]


@pytest.mark.parametrize("ending", [True, False])
async def test_who_is_cut_off_at_the_end_is_told_so(ending: bool) -> None:
    drain, inside = Drain(), asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    serving = asyncio.create_task(served(endless, receive, drain))
    await inside.wait()
    if ending:
        drain.begin()
    serving.cancel()
    await asyncio.wait([serving])

    assert serving.cancelled() is not ending
    assert not ending or serving.result()[1]["body"] == b'{"error":"shutting_down"}'
