"""A load generator: a number of connections kept alive, each with one request under way at a time.

Every answer is read whole and checked; one that is not as expected ends the run.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

from benchmarks.questions import Workload

OK = b"HTTP/1.1 200"
HEADER_END = b"\r\n\r\n"
LENGTH = b"content-length: "
PATIENCE_SECONDS = 20


class WrongAnswer(Exception):
    """A server answered something else than it was asked for; its figures would be worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What was answered within how many seconds."""

    answers: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class _Run:
    workload: Workload
    until: float
    done: asyncio.Future[None]
    open: int
    answers: int = 0


@dataclass(slots=True, kw_only=True)
class _Connection(asyncio.Protocol):
    run: _Run
    received: bytearray = field(default_factory=bytearray)
    transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(HEADER_END)
        if end < 0:
            return
        start = self.received.find(LENGTH, 0, end) + len(LENGTH)
        length = int(self.received[start : self.received.find(b"\r", start)])
        if len(self.received) < end + len(HEADER_END) + length:
            return
        if not self.received.startswith(OK) or self.run.workload.expected not in self.received:
            self._end(WrongAnswer(self.received.decode(errors="replace")))
            return
        self.received.clear()
        self.run.answers += 1
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.run.done.done() and time.perf_counter() < self.run.until:
            self._end(WrongAnswer(f"the connection was lost: {exc}"))

    def _ask(self) -> None:
        assert self.transport is not None
        if time.perf_counter() < self.run.until:
            self.transport.write(next(self.run.workload.requests))
            return
        self.transport.close()
        self.run.open -= 1
        if self.run.open == 0:
            self._end(None)

    def _end(self, error: WrongAnswer | None) -> None:
        if self.run.done.done():
            return
        if error is None:
            self.run.done.set_result(None)
        else:
            self.run.done.set_exception(error)


async def run(port: int, workload: Workload, *, connections: int, seconds: float) -> Load:
    """Send requests for so many seconds and wait for the last answers.

    Raises:
        WrongAnswer: an answer was not as expected, or a connection was lost.
        TimeoutError: the last answers did not come.
    """
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    state = _Run(workload=workload, until=began + seconds, done=loop.create_future(), open=connections)
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(run=state), "127.0.0.1", port)
    async with asyncio.timeout(seconds + PATIENCE_SECONDS):
        await state.done
    return Load(answers=state.answers, seconds=time.perf_counter() - began)
