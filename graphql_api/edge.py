"""The outermost layer: request ids, host and origin checks, body limits, and no exception ever leaves.

Pure ASGI: it reads no body by itself and never holds back a response.
"""

import asyncio
import contextlib
import logging
import re
import uuid
from collections.abc import Awaitable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from domain.errors import contained
from domain.identity import ON_BEHALF_OF
from domain.telemetry import logs
from graphql_api.addresses import TrustedProxies
from graphql_api.admission import BODY_SECONDS, Admission, TooSlow
from graphql_api.draining import Drain

__all__ = ["REQUEST_ID", "Edge", "TooLarge", "TooSlow", "body", "middleware", "request_id"]

log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
# What a browser's script may read of an answer besides its body.
TOLD = (REQUEST_ID, "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
HANDSHAKES = frozenset({"websocket.accept", "websocket.http.response.start"})
INTERNAL_ERROR = 1011
GONE = 1006


class TooLarge(Exception):
    """A body is longer than allowed; it was not read to its end."""


class Edge:
    """Gives every connection an id and every response its headers; an exception becomes a bare 500, or code 1011."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; lifespan passes through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        identity = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = identity
        token = logs.request_id.set(identity)
        try:
            if scope["type"] == "http":
                await self._serve(scope, receive, send, identity=identity)
            else:
                await self._hold(scope, receive, send, identity=identity)
        finally:
            logs.request_id.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, identity: str) -> None:
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = identity
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        outcome = await contained(self._app(scope, receive, answer), log=log, where=f"request {identity}")
        if outcome.error and not started:
            await JSONResponse({"error": "internal"}, status_code=500)(scope, receive, answer)

    async def _hold(self, scope: Scope, receive: Receive, send: Send, *, identity: str) -> None:
        """Serve one WebSocket; that its client goes away in the middle of something is nothing to tell of."""
        closed = False

        async def answer(message: Message) -> None:
            nonlocal closed
            closed |= message["type"] != "websocket.send" and message["type"] != "websocket.accept"
            if message["type"] in HANDSHAKES:
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != REQUEST_ID.encode()]
                message = {**message, "headers": [*headers, (REQUEST_ID.encode(), identity.encode())]}
            try:
                await send(message)
            except OSError:
                raise WebSocketDisconnect(GONE) from None

        outcome = await contained(_while_there(self._app(scope, receive, answer)), log=log, where=f"request {identity}")
        if outcome.error and not closed:
            closing = {"type": "websocket.close", "code": INTERNAL_ERROR, "reason": "Internal error"}
            await _while_there(answer(closing))


async def _while_there(work: Awaitable[None]) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        await work


def middleware(
    *,
    allowed_hosts: Sequence[str],
    allowed_origins: Sequence[str],
    trusted_proxies: Sequence[str] = (),
    drain: Drain | None = None,
) -> list[Middleware]:
    """List the layers that stand before every route, outermost first, as Starlette takes them."""
    return [
        *([Middleware(TrustedProxies, networks=trusted_proxies)] if trusted_proxies else []),
        Middleware(Edge),
        Middleware(Admission, drain=drain or Drain()),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False),
        Middleware(
            CORSMiddleware,
            allow_origins=list(allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", REQUEST_ID, ON_BEHALF_OF],
            expose_headers=TOLD,
        ),
    ]


def request_id(request: Request) -> str:
    """Say the id of a request that came through `Edge`."""
    return str(request.state.request_id)


async def body(request: Request, *, limit: int, seconds: float = BODY_SECONDS) -> bytes:
    """Read a whole body of at most `limit` bytes, counted as they arrive, within `seconds`.

    Raises:
        TooLarge: it is longer, or says that it will be.
        TooSlow: its end did not come in time.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit() or int(announced[:20]) > limit:
        raise TooLarge
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, limit=limit)
    except TimeoutError:
        raise TooSlow from None


async def _read(request: Request, *, limit: int) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise TooLarge
    return bytes(received)


def _request_id(headers: Headers) -> str:
    """Take the client's id when it is one harmless word and the only one, else make one."""
    found = headers.getlist(REQUEST_ID)
    return found[0] if len(found) == 1 and _ID.fullmatch(found[0]) else uuid.uuid4().hex
