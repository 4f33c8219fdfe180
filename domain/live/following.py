"""Streams of states: each read anew, told when it differs from the one before, until it is the reader's no more."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from domain.billing import CustomerReading
from domain.clock import Clock
from domain.db import Database
from domain.entitlements import Entitlements, EntitlementSet, SeatUsage
from domain.errors import Unavailable
from domain.live.watching import LOOK_SECONDS, Kind, Subject, Watcher, Watching
from domain.organizations import Reading

T = TypeVar("T")

RIGHTS_SECONDS = 3.0
"""How long a stream waits at most before it reads again, whatever happens: rights may have gone, and a host's resolver
tells nobody of its changes."""
LEAST_SECONDS = 0.1
"""How long lies at least between two reads of one stream, so that a burst is told as its end."""
READERS = 2
"""How many streams of a process read at once; more would keep its other work from the database."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
_A_MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State(Generic[T]):
    """One state, what tells it from others, and the last instant at which it holds by itself."""

    told: T
    mark: object
    valid_until: datetime | None


class Live:
    """Follows answers for whoever may read them.

    `look_seconds` lie between two looks at what is watched, `rights_seconds` at most between two reads of a stream.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        entitlements: Entitlements,
        look_seconds: float = LOOK_SECONDS,
        rights_seconds: float = RIGHTS_SECONDS,
    ) -> None:
        self.watching = Watching(database=database, clock=clock, look_seconds=look_seconds)
        self._rights_seconds = rights_seconds
        self._database = database
        self._clock = clock
        self._entitlements = entitlements
        self._readers = asyncio.Semaphore(READERS)
        entitlements.in_force.when_replaced(self.watching.wake_all)

    def entitlements(self, reading: CustomerReading, customer_id: str) -> AsyncGenerator[EntitlementSet]:
        """Give all answers for a customer, then each time that their `revision` becomes another one.

        Ends when the customer is not there, or no longer the reader's. While the database is away nothing is given.

        Raises:
            Unavailable: Seatgate is being closed.
        """

        async def read() -> _State[EntitlementSet] | None:
            found = (await self._entitlements.visible(reading, [customer_id])).get(customer_id)
            if found is None:
                return None
            return _State(told=found, mark=found.revision, valid_until=found.resolved.valid_until)

        return self._states(Subject(Kind.ENTITLEMENTS, customer_id), read)

    def seats(self, reading: Reading, organization_id: str) -> AsyncGenerator[SeatUsage]:
        """Give the seats of an organization, then each time that they become others.

        Ends when the organization is not there, or no longer the reader's. While the database is away nothing is given.

        Raises:
            Unavailable: Seatgate is being closed.
        """

        async def read() -> _State[SeatUsage] | None:
            async with self._database.snapshot() as session:
                if await reading.organization(session, id=organization_id) is None:
                    return None
                usage = (await self._entitlements.seat_usages(session, [organization_id])).get(organization_id)
            return None if usage is None else _State(told=usage, mark=usage, valid_until=usage.valid_until)

        return self._states(Subject(Kind.SEATS, organization_id), read)

    async def aclose(self) -> None:
        """Stop looking out for changes, and end every stream."""
        await self.watching.aclose()

    async def _states(self, subject: Subject, read: Callable[[], Awaitable[_State[T] | None]]) -> AsyncGenerator[T]:
        mark, loop = None, asyncio.get_running_loop()
        with self.watching.watching(subject) as watcher:
            while not self.watching.closed:
                # Whatever happens from here on may be missed by the read, so it counts.
                watcher.begin()
                state, at = await self._read(read), loop.time()
                if state is None:
                    return
                if state.mark != mark:
                    mark = state.mark
                    yield state.told
                await self._wait(watcher, state.valid_until)
                await asyncio.sleep(at + LEAST_SECONDS - loop.time())
        raise Unavailable

    async def _read(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read when it is the turn, again and again while the database is away."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                async with self._readers:
                    return await read()
            except Unavailable:
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter is no secret
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _wait(self, watcher: Watcher, valid_until: datetime | None) -> None:
        """Wait until something has changed, an answer changes by itself, or rights are to be asked for again."""
        seconds = random.uniform(0.8, 1) * self._rights_seconds  # noqa: S311 - jitter is no secret
        now = self._clock.now()
        # A host's answer may have been over before it was given; then it is asked for again as any other.
        watcher.until = valid_until if valid_until is not None and valid_until >= now else None
        if watcher.until is not None:
            seconds = min(seconds, (watcher.until - now + _A_MOMENT).total_seconds())
        await watcher.wait(seconds)
