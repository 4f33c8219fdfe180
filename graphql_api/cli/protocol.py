"""Connections of HTTP under limits that uvicorn does not have: how large a head may be, how long each part may take.

An application cannot see any of this: without its head there is no request yet. What is refused here is refused in the
application's own words. Only what a connection is allowed is decided here; requests are read and answered by uvicorn.
"""

import asyncio
import http
import json
import uuid
from collections.abc import Callable
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

LONGEST_URL = 62 * 1024
"""GraphQL takes 60 KiB in a query string, and says so itself; the parser ends at 64."""
LARGEST_HEAD = 32 * 1024
MOST_HEADERS = 100
HEAD_SECONDS = 10.0
BODY_SECONDS = 15.0
"""Longer than an application waits, so that it refuses in its own words; here ends what no application reads."""
TAKING_SECONDS = 30.0
LEAST_TAKEN = 64 * 1024
"""What a client that has fallen behind with its answer has to take in that time, if there is so much."""
MOST_CONNECTIONS = 900
"""Below the 1024 files that a process may commonly open, the database's among them."""


class TooLarge(Exception):
    """A head is larger than allowed; what is answered is remembered beside, because uvicorn does not hand this on."""


class Connection(HttpToolsProtocol):
    """One connection, cut when it is too slow or too large."""

    head_seconds: ClassVar[float] = HEAD_SECONDS
    body_seconds: ClassVar[float] = BODY_SECONDS
    taking_seconds: ClassVar[float] = TAKING_SECONDS
    most: ClassVar[int] = MOST_CONNECTIONS

    _in_head = True
    _head_ended = False
    _head_bytes = 0
    _header_bytes = 0
    _headers = 0
    _refusal = (400, "bad_request")
    _coming: asyncio.TimerHandle | None = None
    _going: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a request; among too many connections the one that has waited longest for its own makes room."""
        super().connection_made(transport)
        self._expect(self.head_seconds, self._head_is_late)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything about it."""
        self._expect_nothing()
        self._is_taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        in_head, self._head_ended = self._in_head, False
        if in_head and self._coming is None:
            self._expect(self.head_seconds, self._head_is_late)
        super().data_received(data)
        if in_head and not self._head_ended and not self.transport.is_closing():
            # All of it belongs to a head, whose last header the parser keeps to itself until it is whole.
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_URL + LARGEST_HEAD:
                self._refuse(431, "headers_too_large")

    def handle_websocket_upgrade(self) -> None:
        """Let go: from here on the connection is the socket's."""
        self._expect_nothing()
        self._is_taken()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        super().on_message_begin()
        self._head_bytes = self._header_bytes = self._headers = 0
        if self._coming is None:
            self._expect(self.head_seconds, self._head_is_late)

    def on_url(self, url: bytes) -> None:
        """Read a part of the address.

        Raises:
            TooLarge: it is too long.
        """
        super().on_url(url)
        if len(self.url) > LONGEST_URL:
            self._refusal = (414, "url_too_long")
            raise TooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header. Those that come after the body are dropped: nobody who stands before us looks at them.

        Raises:
            TooLarge: there are too many, or they are too large.
        """
        self._headers += 1
        self._header_bytes += len(name) + len(value)
        if self._headers > MOST_HEADERS or self._header_bytes > LARGEST_HEAD:
            self._refusal = (431, "headers_too_large")
            raise TooLarge
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Expect the body."""
        self._head_ended = True
        super().on_headers_complete()
        self._in_head = False
        self._expect(self.body_seconds, self._body_is_late)

    def on_message_complete(self) -> None:
        """Expect nothing until the next request begins."""
        super().on_message_complete()
        self._expect_nothing()
        self._in_head = True

    def on_response_complete(self) -> None:
        """Do not wait for ever for a client that takes no more, once there is no more to say."""
        super().on_response_complete()
        self._leave()

    def timeout_keep_alive_handler(self) -> None:
        """Close what nobody uses."""
        super().timeout_keep_alive_handler()
        self._leave()

    def shutdown(self) -> None:
        """Close what is idle."""
        super().shutdown()
        self._leave()

    def pause_writing(self) -> None:
        """Stop sending to a client that takes nothing, and give up on it when it goes on so."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        self._is_taken()
        self._leave()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, which are not ours
        """Refuse what is no HTTP, or too large."""
        self._refuse(*self._refusal)

    @property
    def is_idle(self) -> bool:
        """Say whether nothing has been asked that is not answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return self._in_head and (cycle is None or cycle.response_complete)

    @property
    def waiting_until(self) -> float:
        """Say how long it is waited for, in the loop's time."""
        return 0.0 if self._coming is None else self._coming.when()

    def _make_room(self) -> None:
        ours = [each for each in self.connections if isinstance(each, Connection)]
        if len(ours) > self.most:
            idle = (each for each in ours if each.is_idle)
            min(idle, key=lambda each: each.waiting_until, default=self).transport.abort()

    def _expect(self, seconds: float, late: Callable[[], None]) -> None:
        self._expect_nothing()
        self._coming = self.loop.call_later(seconds, late)

    def _expect_nothing(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None

    def _is_taken(self) -> None:
        if self._going is not None:
            self._going.cancel()
            self._going = None

    def _head_is_late(self) -> None:
        self._coming = None
        if self.is_idle:
            self._refuse(408, "too_slow")
        else:
            # Half a request behind one that is still being answered: that one gets its answer.
            self.cycle.keep_alive = False

    def _body_is_late(self) -> None:
        self._coming = None
        if self.flow.read_paused:
            # We are the slow ones.
            self._expect(self.body_seconds, self._body_is_late)
        else:
            self.transport.close()
            self._leave()

    def _leave(self) -> None:
        """Let a client that is to go take what it is still sent, but not for ever."""
        if self.transport.is_closing():
            self._watch()

    def _watch(self) -> None:
        if self._going is None:
            left = self.transport.get_write_buffer_size()
            self._going = self.loop.call_later(self.taking_seconds, self._is_behind, left)

    def _is_behind(self, before: int) -> None:
        self._going = None
        if before - self.transport.get_write_buffer_size() < LEAST_TAKEN:
            self.transport.abort()
        else:
            self._watch()

    def _refuse(self, status: int, error: str) -> None:
        """Say what is wrong, unless that would be read as the answer to something else, and close."""
        self._expect_nothing()
        cycle: RequestResponseCycle | None = self.cycle
        unanswered = cycle is not None and not cycle.response_complete
        if not unanswered or not (self._in_head or self.cycle.response_started or self.pipeline):
            self.transport.write(_written(status, error))
        self.transport.close()
        self._leave()


def _written(status: int, error: str) -> bytes:
    body = json.dumps({"error": error}, separators=(",", ":"))
    lines = [
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"x-request-id: {uuid.uuid4().hex}",
        "x-content-type-options: nosniff",
        "connection: close",
    ]
    return "\r\n".join([*lines, "", body]).encode()
