"""Whose turn it is to do something that takes long: one process at a time, by a lease that it renews while it lives."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from domain.billing.reconciling.asking import Beat
from domain.billing.reconciling.models import ReconcileTurn
from domain.clock import Clock
from domain.db import Database, Session, insert_into
from domain.errors import Contained, UpstreamUnavailable, contained

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
LOOK = timedelta(seconds=30)
"""How often a process looks whether it is somebody's turn."""
AGAIN = timedelta(minutes=5)
"""How long a run waits after one that failed, unless the processor asks for more."""
FRESH = timedelta(minutes=15)
"""How recent a finished run must be to make the one at boot needless, as when many processes start together."""
WAIT_SECONDS = 0.2
"""How long the worker waits for a run before it goes on with its round; the run goes on without it."""
NEVER = timedelta(days=36_500)
"""How far away a turn is that comes only when somebody asks for it."""


class TurnLost(Exception):
    """Another process has taken the turn over, because this one was silent for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Something that takes long. It is due again `every` so often (None: when asked for), and if it `boots` at boot."""

    do: Callable[[Beat], Awaitable[object]]
    every: timedelta | None
    boots: bool

    @property
    def rest(self) -> timedelta:
        """How long it rests when it has been done."""
        return self.every or NEVER


class Turns:
    """Does some runs, each when its turn has come and one at a time. `aclose` stops the one that is under way."""

    def __init__(self, runs: Mapping[str, Run], *, database: Database, clock: Clock) -> None:
        self._runs = runs
        self._database = database
        self._clock = clock
        self._holder = secrets.token_hex(16)
        self._next_look: datetime | None = None
        self._running: asyncio.Task[Contained[None]] | None = None
        self._booted = False

    async def run_due(self) -> int:
        """Start the run whose turn it is, if any, and go on without it when it takes long. Runs are no work: 0."""
        if self._running is None and (name := await self._turn()) is not None:
            self._running = asyncio.create_task(contained(self._run(name), log=log, where=f"the run of {name}"))
        if self._running is not None:
            await asyncio.wait([self._running], timeout=WAIT_SECONDS)
            if self._running.done():
                self._running = None
                self._next_look = None
        return 0

    async def aclose(self) -> None:
        """Stop a run that is under way; another process, or the next start, begins it again."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def _turn(self) -> str | None:
        now = self._clock.now()
        if self._next_look is not None and now < self._next_look:
            return None
        name = await self._database.run(partial(self._take_turn, boots=not self._booted))
        self._next_look, self._booted = now + LOOK, True
        return name

    async def _take_turn(self, session: Session, *, boots: bool) -> str | None:
        now = self._clock.now()
        for name, run in self._runs.items():
            await _ensure(session, name, now if run.boots else now + run.rest)
        for name, run in self._runs.items():
            turn = await session.get(ReconcileTurn, name, with_for_update={"skip_locked": True}, populate_existing=True)
            if turn is None or (turn.leased_until is not None and turn.leased_until > now):
                continue
            stale = turn.finished_at is None or turn.finished_at <= now - FRESH
            abandoned = turn.holder is not None
            if turn.due_at <= now or abandoned or (boots and run.boots and stale):
                # Who asks for a run from here on asks for the next one.
                turn.due_at, turn.leased_until, turn.holder = now + NEVER, now + LEASE, self._holder
                return name
        return None

    async def _run(self, name: str) -> None:
        """Do one run and give the turn back, whatever came of it.

        Raises:
            UpstreamUnavailable: a processor did not answer; it is asked again later.
            TurnLost: another process does it now.
        """
        run, wait, finished = self._runs[name], AGAIN, False
        try:
            await run.do(self._beat(name))
            wait, finished = run.rest, True
        except UpstreamUnavailable as error:
            wait = max(AGAIN, timedelta(seconds=error.retry_after_seconds or 0))
            raise
        finally:
            await self._database.run(partial(self._give_back, name, wait, finished))

    def _beat(self, name: str) -> Beat:
        renewed = self._clock.now()

        async def beat(_done: int, _of: int | None) -> None:
            nonlocal renewed
            now = self._clock.now()
            if now - renewed >= LEASE / 5:
                renewed = now
                await self._database.run(partial(self._renew, name))

        return beat

    async def _renew(self, name: str, session: Session) -> None:
        turn = await session.get_one(ReconcileTurn, name, with_for_update=True)
        if turn.holder != self._holder:
            raise TurnLost
        turn.leased_until = self._clock.now() + LEASE

    async def _give_back(self, name: str, wait: timedelta, finished: bool, session: Session) -> None:  # noqa: FBT001 - bound by partial
        turn = await session.get_one(ReconcileTurn, name, with_for_update=True)
        if turn.holder != self._holder:
            return
        now = self._clock.now()
        turn.due_at, turn.leased_until, turn.holder = min(turn.due_at, now + wait), None, None
        turn.finished_at = now if finished else turn.finished_at


async def hurry(session: Session, name: str, *, at: datetime) -> None:
    """Let a turn come at `at`, once more if it is somebody's now; one that has never been looked at is due anyway."""
    turn = await session.get(ReconcileTurn, name, with_for_update=True, populate_existing=True)
    if turn is not None:
        turn.due_at = min(turn.due_at, at)


async def _ensure(session: Session, name: str, due_at: datetime) -> None:
    """Make a turn that has never been anybody's; another process may make it at this moment."""
    made = insert_into(session, ReconcileTurn).values(name=name, due_at=due_at)
    await session.execute(made.on_conflict_do_nothing())
