"""The line between processes on PostgreSQL: one connection past every pool, for NOTIFY and LISTEN alone.

It notifies after the commit of what it tells, in transactions of its own: inside theirs, each NOTIFY would make writers
wait for one another. What is to be told while it speaks is told together. When the line is cut it is laid again, and
whoever listens is told that something may have been missed; what was to be told meanwhile is not.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Any

import asyncpg
from sqlalchemy import URL

from domain.db.lookup import LOST

log = logging.getLogger(__name__)

CHANNEL = "seatgate"
APPLICATION = "seatgate hints"
"""How PostgreSQL shows the connection to operators."""
EVERYTHING = "*"
MOST_TOLD = 100
"""How many ids one notification names; their text must stay below 8000 bytes."""
MOST_WAITING = 1000
"""How many ids wait to be told one by one; of more it is only said that there are many."""
GATHERING_SECONDS = 0.02
OPENING_SECONDS = 0.5
"""How long somebody who only tells waits before the line is laid: who ends sooner needs none."""
HEARTBEAT_SECONDS = 30.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 10.0

Listener = Callable[[Collection[str] | None], None]


class Line:
    """Tells other processes what has changed here, and hears of them; opened by the first use."""

    def __init__(self, address: URL, options: dict[str, Any]) -> None:
        self._address = address
        # A notification that a crash loses costs nothing, so nobody waits for the disk.
        own = {"application_name": APPLICATION, "synchronous_commit": "off"}
        settings = {**options["server_settings"], **own}
        self._options = {**options, "server_settings": settings}
        self._listener: Listener | None = None
        self._waiting: set[str] = set()
        self._wanted = asyncio.Event()
        self._speaking: asyncio.Task[None] | None = None
        self._closed = False

    def tell(self, ids: Collection[str]) -> None:
        """Let other processes know soon that these may have changed."""
        self._waiting.update(ids)
        if len(self._waiting) > MOST_WAITING:
            self._waiting = {EVERYTHING}
        self._want()

    def listen(self, listener: Listener | None) -> None:
        """Let somebody hear what other processes tell; None: nobody any more."""
        self._listener = listener
        if listener is None:
            self._wanted.set()
        else:
            self._want()

    async def aclose(self) -> None:
        """Hang up, for good."""
        self._closed = True
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)

    def _want(self) -> None:
        self._wanted.set()
        if self._speaking is None and not self._closed:
            self._speaking = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        """Keep the line until hung up; a broken one is laid again, the more patiently the longer it takes."""
        pause = SHORTEST_PAUSE
        await asyncio.sleep(GATHERING_SECONDS if self._listener else OPENING_SECONDS)
        while True:
            try:
                async with self._connected() as connection:
                    pause = SHORTEST_PAUSE
                    await self._speak(connection)
            except LOST as error:
                log.warning("the line for hints is cut (%s); changes are noticed a little later", type(error).__name__)
            self._waiting.clear()
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter is no secret
            pause = min(2 * pause, LONGEST_PAUSE)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        _, address = self._address.get_dialect()().create_connect_args(self._address)
        connection = await asyncpg.connect(**address, **self._options)
        connection.add_termination_listener(lambda _: self._wanted.set())
        try:
            yield connection
        finally:
            connection.terminate()

    async def _speak(self, connection: Any) -> None:
        """Listen while somebody wants to, and tell what there is to tell, until the line is cut.

        Raises:
            ConnectionResetError: it has been cut.
        """
        listens = False
        while not connection.is_closed():
            self._wanted.clear()
            if listens != (self._listener is not None):
                listens = not listens
                await self._attend(connection, listens=listens)
            for text in self._texts():
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, text)
                await asyncio.sleep(GATHERING_SECONDS)
            await self._rest(connection)
        raise ConnectionResetError

    async def _attend(self, connection: Any, *, listens: bool) -> None:
        if not listens:
            await connection.remove_listener(CHANNEL, self._hear)
            return
        await connection.add_listener(CHANNEL, self._hear)
        self._say(None)

    async def _rest(self, connection: Any) -> None:
        """Wait for something to do, and now and then see whether the other end is still there."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._wanted.wait()
        except TimeoutError:
            await connection.execute("SELECT 1")

    def _texts(self) -> Iterator[str]:
        """Take what waits to be told, in texts of which each fits into one notification."""
        ids, self._waiting = sorted(self._waiting), set()
        for start in range(0, len(ids), MOST_TOLD):
            yield " ".join(ids[start : start + MOST_TOLD])

    def _hear(self, connection: Any, process: int, _: str, text: str) -> None:
        # What this process tells it knows already.
        if process != connection.get_server_pid():
            ids = frozenset(text.split())
            self._say(None if EVERYTHING in ids else ids)

    def _say(self, ids: Collection[str] | None) -> None:
        if self._listener is not None:
            self._listener(ids)
