"""WebSockets as uvicorn serves them, made safe against clients that do not read, and told when the server ends.

uvicorn keeps everything that a client will not read, for as long as the client likes, and answers a ping at once even
then; here such a client is not read from either, and is cut off. This holds for a host's own sockets as well.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from graphql_api.transport.sockets import leaving
from graphql_api.transport.sockets.frames import MAX_FRAME_BYTES
from graphql_api.transport.sockets.leaving import Leaving
from graphql_api.transport.sockets.terms import Terms

MAX_FRAGMENTS = 256
CLOSE_SECONDS = 5.0
LINGER_SECONDS = 8.0
"""How long a connection may last that nobody here has to do with any more; more than closing takes."""


class Wire(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.close_timeout = CLOSE_SECONDS
        self.leaving = Leaving()

    def pause_writing(self) -> None:
        """Stop to read as well: whoever does not listen shall not speak, and no answer to a ping is kept."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again, unless the application has something to read still."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """Give the next message; of who does not listen none."""
        await self.writable.wait()
        return await super().receive()

    def handle_cont(self, event: Frame) -> None:
        """Take one more part of a message, unless it has come in absurdly many."""
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """Hand over a whole message; of one that is no text, though it says so, uvicorn would write a traceback."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(b"".join(self.frames)):
            self.conn.fail(CloseCode.INVALID_DATA, "invalid UTF-8")
            self.handle_parser_exception()
            return
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
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)

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
