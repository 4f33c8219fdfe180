"""When runs happen by themselves, and that one process at a time does each of them."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import IntegrityError

from domain.billing.reconciling.asking import Beat
from domain.billing.reconciling.models import DriftReport, ReconcileTurn
from domain.billing.reconciling.running import Reconciling
from domain.db import Session
from domain.errors import Contained, UpstreamUnavailable, contained

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
PATIENCE = timedelta(minutes=5)
"""How young an event may be to count as still on its way."""
LOOK = timedelta(seconds=30)
"""How often a process looks whether it is somebody's turn."""
AGAIN = timedelta(minutes=5)
"""How long a run waits after one that failed, unless the processor asks for more."""
FRESH = timedelta(minutes=15)
"""How recent a finished comparison must be to make the one at boot needless, as when many processes start together."""
WAIT_SECONDS = 0.2
"""How long the worker waits for a run before it goes on with its round; the run goes on without it."""

EVENTS, EVERYTHING = "events", "everything"
EVERY: Mapping[str, timedelta] = {EVERYTHING: timedelta(hours=24), EVENTS: timedelta(minutes=15)}


class TurnLost(Exception):
    """Another process has taken the turn over, because this one was silent for too long."""


class Schedule:
    """Missed events every 15 minutes, a comparison of everything every 24 hours and at boot. `aclose` stops a run."""

    def __init__(self, reconciling: Reconciling) -> None:
        self.reconciling = reconciling
        self._database = reconciling.database
        self._clock = reconciling.clock
        self._holder = secrets.token_hex(16)
        self._next_look: datetime | None = None
        self._running: asyncio.Task[Contained[None]] | None = None
        self._booted = False

    async def run_due(self) -> int:
        """Start the run whose turn it is, if any, and go on without it when it takes long. Runs are no work: 0."""
        if self._running is None and (name := await self._turn()) is not None:
            self._running = asyncio.create_task(contained(self._run(name), log=log, where=f"reconciling {name}"))
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
        for name in EVERY:
            await _ensure(session, name, now)
        for name in EVERY:
            turn = await session.get(ReconcileTurn, name, with_for_update={"skip_locked": True}, populate_existing=True)
            if turn is None:
                continue
            if boots and name == EVERYTHING and (turn.finished_at is None or turn.finished_at <= now - FRESH):
                turn.due_at = min(turn.due_at, now)
            if turn.due_at <= now and (turn.leased_until is None or turn.leased_until <= now):
                turn.leased_until, turn.holder = now + LEASE, self._holder
                return name
        return None

    async def _run(self, name: str) -> None:
        """Do one run and give the turn back, whatever came of it.

        Raises:
            UpstreamUnavailable: a processor did not answer; it is asked again later.
            TurnLost: another process does it now.
        """
        runs: Mapping[str, Callable[[], Awaitable[DriftReport | None]]] = {
            EVERYTHING: partial(self.reconciling.everything, patience=PATIENCE, resume=True, beat=self._beat(name)),
            EVENTS: partial(self.reconciling.catch_up, patience=PATIENCE, beat=self._beat(name)),
        }
        wait, finished = AGAIN, False
        try:
            await runs[name]()
            wait, finished = EVERY[name], True
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
        turn.due_at, turn.leased_until, turn.holder = now + wait, None, None
        turn.finished_at = now if finished else turn.finished_at


async def _ensure(session: Session, name: str, now: datetime) -> None:
    """Make a turn that has never been anybody's: everything is due now, and events once that has been looked at."""
    if await session.get(ReconcileTurn, name) is not None:
        return
    due_at = now if name == EVERYTHING else now + EVERY[name]
    with contextlib.suppress(IntegrityError):
        # Another process may make it at this moment.
        async with session.begin_nested():
            session.add(ReconcileTurn(name=name, due_at=due_at))
