"""One accepted socket as a line: messages of the protocol come in one by one, and go out one by one."""

import asyncio
import json

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from graphql_api.transport.sockets import frames
from graphql_api.transport.sockets.closing import CloseCode, Closing, closing
from graphql_api.transport.sockets.frames import Frame, Malformed
from graphql_api.transport.sockets.operations import Message
from graphql_api.transport.sockets.tallies import Bucket
from graphql_api.transport.sockets.terms import Terms

CLOSE_SECONDS = 5.0


class Line:
    """Hears and says messages. Nothing is kept for a client that does not read: whoever has something to say waits."""

    def __init__(self, socket: WebSocket, terms: Terms) -> None:
        self._socket = socket
        self._terms = terms
        self._loop = asyncio.get_running_loop()
        self._heard = Bucket(capacity=terms.frames_at_once, per_second=terms.frames_per_second, now=self._loop.time())
        self._saying = asyncio.Lock()
        self._closed = False

    async def hear(self) -> Frame:
        """Wait for the client's next message.

        Raises:
            Closing: the client is gone, has said something malformed, or says too much.
        """
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise Closing(None)
        if self._heard.spend(self._loop.time()):
            raise closing(CloseCode.POLICY, "Too many messages")
        text = message.get("text")
        if text is None:
            raise closing(CloseCode.BAD_REQUEST, "A message is a text.")
        # Messages that have come together are handed over without a pause, in which others could be served.
        await asyncio.sleep(0)
        try:
            return frames.read(text)
        except Malformed as error:
            raise closing(CloseCode.BAD_REQUEST, str(error)) from None

    async def say(self, message: Message) -> None:
        """Say something, after what others are saying.

        Raises:
            Closing: the socket is closed, or the client does not read.
        """
        text = json.dumps(message, separators=(",", ":"), allow_nan=False)
        try:
            async with asyncio.timeout(self._terms.send_seconds), self._saying:
                if self._closed:
                    raise Closing(None)
                await self._socket.send_text(text)
        except (TimeoutError, WebSocketDisconnect, WebSocketDisconnected):
            raise Closing(None) from None

    async def close(self, ending: Closing) -> None:
        """Tell the client why it ends, unless it is gone or does not read. Only the first reason is told."""
        if self._closed:
            return
        self._closed = True
        if ending.reason is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(ending.reason.code, ending.reason.words)
        except (TimeoutError, WebSocketDisconnect, WebSocketDisconnected):
            return
