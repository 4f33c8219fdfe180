"""A server that says what it was told to say and remembers what it was asked."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    form: dict[str, str]


@dataclass(slots=True)
class Stub:
    """Says what it was told to say, in order, and remembers what it was asked."""

    url: str = ""
    answers: list[tuple[int, object]] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def will_say(self, *answers: tuple[int, object]) -> None:
        self.answers.extend(answers)

    async def __call__(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.heard.append(
            Heard(
                method=request.method,
                path=request.url.path,
                headers=dict(request.headers),
                query=dict(request.query_params),
                form=form,
            )
        )
        status, answer = self.answers.pop(0)
        # The library would wait and try again; these tests ask what becomes of the final answer.
        headers = self.headers | ({"stripe-should-retry": "false"} if status != 503 else {})
        if isinstance(answer, bytes):
            return Response(answer, status, headers)
        return JSONResponse(answer, status, headers)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Stub]:
    """Run a stub on a port of its own for as long as the block lasts."""
    stub = Stub()

    async def answer(request: Request) -> Response:
        return await stub(request)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])])
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    stub.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield stub
    server.should_exit = True
    await running
