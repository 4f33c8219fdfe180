"""GraphQL over WebSocket: the protocol `graphql-transport-ws` and no other.

Every operation is proven, measured and masked as it is over HTTP; what differs is how messages come and go.
"""

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from graphql_api import auth
from graphql_api.errors import MaskingSchema
from graphql_api.transport import Recognizing
from graphql_api.transport.sockets.conversation import Conversation
from graphql_api.transport.sockets.terms import Terms

__all__ = ["PROTOCOL", "Sockets", "Terms"]

PROTOCOL = "graphql-transport-ws"


class Sockets:
    """The `/graphql` endpoint for WebSockets: an ASGI application that stands behind `Edge`."""

    def __init__(self, schema: MaskingSchema, *, recognition: Recognizing, terms: Terms | None = None) -> None:
        self._schema = schema
        self._recognition = recognition
        self._terms = terms or Terms()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket to its end."""
        socket = WebSocket(scope, receive, send)
        if PROTOCOL not in scope["subprotocols"]:
            await socket.close(4406)
            return
        asking = auth.asking_of(socket)
        await socket.accept(PROTOCOL)
        conversation = Conversation(
            socket, schema=self._schema, recognition=self._recognition, asking=asking, terms=self._terms
        )
        await conversation.hold()
