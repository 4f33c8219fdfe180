"""How a process ends: it says at once that it is not ready, finishes what runs, and only then lets the server go.

A server that is asked to end stops listening first, so that nobody hears that it is on its way out. Here the signal is
held back from it for as long as work is running, and for ten seconds at most.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType
from typing import Any

DRAIN_SECONDS = 10.0
"""What runs may take so long after the process was asked to end; orchestrators wait for thirty."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], Any]


class Drain:
    """Whether a process is on its way out, and what it finishes before."""

    def __init__(self, *, seconds: float = DRAIN_SECONDS) -> None:
        self._seconds = seconds
        self._begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: set[object] = set()
        self._listening: set[Callable[[], None]] = set()
        self._ends: float | None = None

    def renew(self) -> None:
        """Forget an earlier end: an application may be started again, in another loop too."""
        self._begun, self._idle, self._ends = asyncio.Event(), asyncio.Event(), None
        if not self._running:
            self._idle.set()

    @property
    def begun(self) -> bool:
        """Say whether the process is on its way out; from then on no new work is taken."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Begin to end; a second time changes nothing."""
        if not self.begun:
            self._ends = asyncio.get_running_loop().time() + self._seconds
            self._begun.set()
            for tell in self._listening:
                tell()

    async def wait(self) -> None:
        """Wait until the process is on its way out; whatever lives on by itself, as sockets do, ends then."""
        await self._begun.wait()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Have the end wait for the block."""
        work = object()
        self._running.add(work)
        self._idle.clear()
        try:
            yield
        finally:
            self._running.remove(work)
            if not self._running:
                self._idle.set()

    @contextlib.contextmanager
    def telling(self, tell: Callable[[], None]) -> Iterator[None]:
        """Have a block that lasts by itself, as a socket does, told when it is time to end, and the end wait for it."""
        with self.working():
            self._listening.add(tell)
            try:
                yield
            finally:
                self._listening.remove(tell)

    async def finished(self) -> None:
        """Wait until nothing is running, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.remaining()):
                await self._idle.wait()

    def remaining(self) -> float:
        """Say how many seconds are left for what runs."""
        return self._seconds if self._ends is None else max(0.0, self._ends - asyncio.get_running_loop().time())


@contextlib.asynccontextmanager
async def leaving(drain: Drain) -> AsyncIterator[None]:
    """Let a server that is asked to end by a signal drain first. Asked a second time, it ends as it would by itself.

    Where nobody but Python answers a signal there is no server to hold back, and nothing is changed.
    """
    drain.renew()
    answers = _answers() if threading.current_thread() is threading.main_thread() else {}
    held = _Held(drain, answers)
    for number in answers:
        signal.signal(number, held.asked)
    try:
        yield
    finally:
        drain.begin()
        for number, handler in answers.items():
            signal.signal(number, handler)


def _answers() -> dict[signal.Signals, Handler]:
    """Find what a server does about the signals."""
    found = {number: signal.getsignal(number) for number in SIGNALS}
    return {
        number: handler
        for number, handler in found.items()
        if callable(handler) and handler is not signal.default_int_handler
    }


class _Held:
    """Signals that the server has not heard of yet."""

    def __init__(self, drain: Drain, answers: dict[signal.Signals, Handler]) -> None:
        self._drain = drain
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Task[None] | None = None

    def asked(self, number: int, _frame: FrameType | None) -> None:
        """Hear a signal, between any two steps of the program; what it asks for happens in the loop."""
        self._loop.call_soon_threadsafe(self._answer, number)

    def _answer(self, number: int) -> None:
        if self._waiting is None:
            self._drain.begin()
            self._waiting = asyncio.create_task(self._hand_on(number))
        elif not self._waiting.done():
            self._waiting.cancel()
            self._answers[signal.Signals(number)](number, None)

    async def _hand_on(self, number: int) -> None:
        await self._drain.finished()
        self._answers[signal.Signals(number)](number, None)
