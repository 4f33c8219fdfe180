"""The worker: goes round its jobs for as long as the process lives. A job that fails is tried again next round."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.errors import contained

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
SELDOM = timedelta(minutes=1)

Job = Callable[[], Awaitable[int]]
"""Does whatever is due and says how much there was."""


class While:
    """A job that runs only as long as it is asked for; asked each time, because the answer may change."""

    def __init__(self, wanted: Callable[[], bool], job: Job) -> None:
        self._wanted = wanted
        self._job = job

    async def __call__(self) -> int:
        """Run the job if it is wanted."""
        return await self._job() if self._wanted() else 0


class Seldom:
    """A job that runs once a minute at most, however often the worker comes round."""

    def __init__(self, job: Job, *, clock: Clock) -> None:
        self._job = job
        self._clock = clock
        self._due: datetime | None = None

    async def __call__(self) -> int:
        """Run the job if it is due."""
        now = self._clock.now()
        if self._due is not None and now < self._due:
            return 0
        self._due = now + SELDOM
        return await self._job()


def _nothing() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Runs every job in turn, again and again, resting when nothing is due. Several processes may run one each.

    `told` is called after each round, whatever became of its jobs.
    """

    jobs: Mapping[str, Job]
    told: Callable[[], None] = _nothing
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """End the rest: something has become due."""
        self._wanted.set()

    async def round(self) -> int:
        """Run every job once and say how much was done."""
        done = 0
        for name, job in self.jobs.items():
            outcome = await contained(job(), log=log, where=name)
            done += outcome.value or 0
        self.told()
        return done

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            self._wanted.clear()
            if await self.round() == 0:
                # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the wake.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):
                        await self._wanted.wait()
