"""How many requests are served at once, and how long each may take: to bring its body, and to be answered.

For every route, a host's too. Health and metrics are always served, so that a process that is full can be told from
one that is dead.
"""

import asyncio
from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.draining import Drain

ALWAYS_SERVED = frozenset({"/livez", "/readyz", "/metrics"})
MOST_AT_ONCE = 200
"""A process has ten connections to its database; more than twenty requests in line for each only wait."""
BODY_SECONDS = 10.0
"""For so long in all a body is waited for. A quarter of a megabyte, the most that GraphQL takes, needs 26 kB/s."""
RESPONSE_SECONDS = 60.0
"""An answer begins within this, later than any deadline of GraphQL and as soon as common proxies give up."""
RETRY_SECONDS = 1
GOING_AWAY = 1001


class TooSlow(Exception):
    """A body did not arrive in time."""


class Admission:
    """Lets so many requests in at once, and none while the process is on its way out."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        drain: Drain,
        most: int = MOST_AT_ONCE,
        body_seconds: float = BODY_SECONDS,
        response_seconds: float = RESPONSE_SECONDS,
    ) -> None:
        self._app = app
        self._drain = drain
        self._most = most
        self._body_seconds = body_seconds
        self._response_seconds = response_seconds
        self._unanswered: set[_Turn] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it before anything is read of it."""
        if scope["type"] == "lifespan" or _path(scope) in ALWAYS_SERVED:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await (_refuse_socket if self._drain.begun else self._app)(scope, receive, send)
        elif self._drain.begun:
            await _refuse(503, "shutting_down")(scope, receive, send)
        elif len(self._unanswered) >= self._most:
            await _refuse(503, "busy")(scope, receive, send)
        else:
            with self._drain.working():
                await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        turn = _Turn(receive, send, body_seconds=self._body_seconds, unanswered=self._unanswered)
        refusal = None
        try:
            async with asyncio.timeout(self._response_seconds) as turn.limit:
                await self._app(scope, turn.receive, turn.send)
        except TooSlow:
            refusal = _refuse(408, "too_slow")
        except TimeoutError:
            if not turn.limit.expired():
                raise
            refusal = _refuse(503, "timeout")
        except asyncio.CancelledError:
            if not self._drain.begun:
                raise
            refusal = _refuse(503, "shutting_down")
        finally:
            turn.over()
        if refusal is not None and not turn.begun:
            await refusal(scope, receive, send)


class _Turn:
    """One request from its head to its answer: how long its body was waited for, and whether the answer has begun."""

    def __init__(self, receive: Receive, send: Send, *, body_seconds: float, unanswered: "set[_Turn]") -> None:
        self._receive = receive
        self._send = send
        self._left = body_seconds
        self._whole = False
        self._unanswered = unanswered
        self.limit = asyncio.timeout(None)
        self.begun = False
        unanswered.add(self)

    async def receive(self) -> Message:
        """Wait for the next part of the body, and after its end for nothing but the client's leaving.

        Only waiting counts: whoever reads a body late, or has it wait, takes nothing from its time.

        Raises:
            TooSlow: the body has been waited for long enough.
        """
        if self._whole:
            return await self._receive()
        since = asyncio.get_running_loop().time()
        limit = asyncio.timeout(self._left)
        try:
            async with limit:
                message = await self._receive()
        except TimeoutError:
            if limit.expired():
                raise TooSlow from None
            raise
        self._left -= asyncio.get_running_loop().time() - since
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer; once it has begun, it takes as long as it takes."""
        if not self.begun:
            self.begun = True
            self.limit.reschedule(None)
            self.over()
        await self._send(message)

    def over(self) -> None:
        """Make room for another request."""
        self._unanswered.discard(self)


def _path(scope: Scope) -> str:
    """Give the path as our routes know it, wherever a host has mounted us."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _refuse(status: int, error: str) -> JSONResponse:
    advice: Mapping[str, str] = {"retry-after": str(RETRY_SECONDS)} if status == 503 else {}  # noqa: PLR2004
    return JSONResponse({"error": error}, status_code=status, headers={"connection": "close", **advice})


async def _refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse before it is accepted; a server that cannot say how makes a bare 403 of it."""
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await _refuse(503, "shutting_down")(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": GOING_AWAY})
