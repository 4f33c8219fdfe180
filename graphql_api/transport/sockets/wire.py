"""WebSockets as uvicorn serves them, safe against clients that flood or do not read, and told when the server ends.

uvicorn by itself reads all that has come before it serves anybody else, answers as many pings as there are, and waits
for as long as a client likes that never reads what it is sent. This holds for a host's own sockets as well.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from graphql_api.transport.sockets import leaving
from graphql_api.transport.sockets.frames import MAX_FRAME_BYTES
from graphql_api.transport.sockets.leaving import Leaving
from graphql_api.transport.sockets.tallies import Bucket
from graphql_api.transport.sockets.terms import Terms

PIECE_BYTES = 4096
MAX_FRAGMENTS = 256
CONTROLS_AT_ONCE = 50
CONTROLS_PER_SECOND = 10
"""Pings and pongs of the protocol of WebSockets itself, which no application ever sees."""
CLOSE_SECONDS = 5.0
LINGER_SECONDS = 8.0
"""How long a connection may last that nobody here has to do with any more; more than closing takes."""


class Wire(WebSocketsSansIOProtocol):
    """One connection."""

    linger_seconds = LINGER_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.close_timeout = CLOSE_SECONDS
        self.leaving = Leaving()
        self._unread = bytearray()
        self._reading_soon = False
        self._controls = Bucket(capacity=CONTROLS_AT_ONCE, per_second=CONTROLS_PER_SECOND, now=self.loop.time())

    def data_received(self, data: bytes) -> None:
        """Take what has come in; thousands of small messages are read a few at a time, and others served between."""
        self._unread += data
        self._read_on()

    def _read_on(self) -> None:
        """Read the next piece, unless the application has to read something first."""
        if self.disconnected or self.transport.is_closing():
            self._unread.clear()
            return
        if self._unread and not self.read_paused and not self._reading_soon:
            piece = bytes(self._unread[:PIECE_BYTES])
            del self._unread[:PIECE_BYTES]
            super().data_received(piece)
        if not self._unread:
            if not self.read_paused:
                self.transport.resume_reading()
            return
        self.transport.pause_reading()
        if not self.read_paused and not self._reading_soon:
            self._reading_soon = True
            self.loop.call_soon(self._read_soon)

    def _read_soon(self) -> None:
        self._reading_soon = False
        self._read_on()

    async def receive(self) -> Any:
        """Give the next message, and read on when there is no other."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

    async def send(self, message: Any) -> None:
        """Send something; after a close all that is read is the client's own."""
        await super().send(message)
        if message["type"] == "websocket.close":
            self._read_on()

    def handle_ping(self) -> None:
        """Answer a ping, unless there are absurdly many."""
        if self._controlled():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take a pong, unless there are absurdly many."""
        if self._controlled():
            super().handle_pong(event)

    def _controlled(self) -> bool:
        if not self._controls.spend(self.loop.time()):
            return True
        self._fail(CloseCode.POLICY_VIOLATION, "too many pings")
        return False

    def _fail(self, code: CloseCode, words: str) -> None:
        if not self.close_sent:
            self.conn.fail(code, words)
            self.handle_parser_exception()

    def handle_cont(self, event: Frame) -> None:
        """Take one more part of a message, unless it has come in absurdly many."""
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")

    def send_receive_event_to_app(self) -> None:
        """Hand over a whole message; of one that is no text, though it says so, uvicorn would write a traceback."""
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self._fail(CloseCode.INVALID_DATA, "invalid UTF-8")
        else:
            super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        """Cut off who answers no ping; closing alone would wait until everything is read."""
        super().keepalive_timeout()
        self.loop.call_later(1, self.transport.abort)

    async def run_asgi(self) -> None:
        """Serve the application, and cut the connection off when it lasts much longer."""
        self.scope["extensions"] = {**(self.scope.get("extensions") or {}), leaving.KEY: self.leaving}  # type: ignore[dict-item]  # for applications that know it
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(self.linger_seconds, self.transport.abort)

    def shutdown(self) -> None:
        """Tell the application that the server ends, and close when it has closed nothing in time."""
        self.leaving.tell()
        if self.leaving.heeded:
            self.loop.call_later(Terms().leave_seconds + CLOSE_SECONDS, self._shut_down)
        else:
            self._shut_down()

    def _shut_down(self) -> None:
        if self.handshake_complete and not self.close_sent and not self.transport.is_closing():
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.GOING_AWAY, "reason": None})
            self.conn.send_close(CloseCode.GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
        else:
            super().shutdown()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


OPTIONS: dict[str, Any] = {
    "ws": Wire,
    "ws_max_size": MAX_FRAME_BYTES,
    "ws_ping_interval": 30.0,
    "ws_ping_timeout": 20.0,
    # A small message could become an enormous one.
    "ws_per_message_deflate": False,
}
"""What uvicorn is to be told so that sockets are served this way."""
