"""GraphQL over WebSocket: the protocol `graphql-transport-ws` and no other.

Every operation is proven, measured and masked as it is over HTTP; what differs is how messages come and go.
"""

from collections.abc import Collection
from contextlib import ExitStack

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from domain.clock import Clock
from domain.errors import Unauthenticated
from graphql_api import auth
from graphql_api.addresses import neighbourhood
from graphql_api.draining import Drain
from graphql_api.errors import MaskingSchema
from graphql_api.transport import ADVICE, Recognizing
from graphql_api.transport.sockets import leaving
from graphql_api.transport.sockets.conversation import Conversation
from graphql_api.transport.sockets.handshake import is_welcome
from graphql_api.transport.sockets.running import House
from graphql_api.transport.sockets.standing import Proving
from graphql_api.transport.sockets.tallies import Full, Tallies
from graphql_api.transport.sockets.terms import Terms

__all__ = ["PROTOCOL", "Sockets", "Terms"]

PROTOCOL = "graphql-transport-ws"
REFUSED_CODE = 1008


class Sockets:
    """The `/graphql` endpoint for WebSockets: an ASGI application that stands behind `Edge`."""

    def __init__(
        self,
        schema: MaskingSchema,
        *,
        recognition: Recognizing,
        clock: Clock,
        origins: Collection[str] = (),
        terms: Terms | None = None,
        drain: Drain | None = None,
    ) -> None:
        self._drain = drain or Drain()
        terms = terms or Terms()
        proving = Proving(recognition=recognition, clock=clock, terms=terms)
        self.tallies = Tallies.of(terms)
        self._house = House(schema=schema, proving=proving, tallies=self.tallies, terms=terms)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket to its end, or refuse it before it is accepted."""
        socket = WebSocket(scope, receive, send)
        if not is_welcome(socket.headers, scheme=scope["scheme"], allowed=self._origins):
            await _refuse(socket, 403, "forbidden")
        elif PROTOCOL not in scope["subprotocols"]:
            await _refuse(socket, 400, "subprotocol_not_acceptable")
        else:
            await self._talk(socket)

    async def _talk(self, socket: WebSocket) -> None:
        try:
            asking = auth.asking_of(socket)
        except Unauthenticated:
            await _refuse(socket, 401, "unauthenticated")
            return
        tallies = self.tallies
        with ExitStack() as places:
            try:
                places.enter_context(tallies.sockets.held("all"))
                place = places.enter_context(ExitStack())
                place.enter_context(tallies.strangers.held(neighbourhood(asking.remote_address)))
            except Full:
                await _refuse(socket, 503, "too_many_sockets")
                return
            await socket.accept(PROTOCOL)
            told = leaving.of(socket.scope)
            socket.scope["extensions"] = {**socket.scope.get("extensions", {}), leaving.KEY: told}
            with self._drain.telling(told.tell):
                await Conversation(socket, house=self._house, asking=asking, place=place).hold()


async def _refuse(socket: WebSocket, status: int, error: str) -> None:
    """Refuse a socket before it is accepted; a server that cannot say how makes a bare 403 of it."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        headers = ADVICE.get(status, {})
        await socket.send_denial_response(JSONResponse({"error": error}, status_code=status, headers=headers))
    else:
        await socket.close(REFUSED_CODE)
