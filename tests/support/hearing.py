"""Streams heard one state after the other, each awaited with patience and none by the clock."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from domain.live import Live
from domain.live.watching import _NEVER_SEEN, Watching
from domain.wiring import Services

T = TypeVar("T")
PATIENCE = 60
"""A slow machine is no failure."""
HOUR = 3600.0


class Ended(Exception):
    """A stream has ended."""


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """One stream, from its reader's end. It is read on meanwhile, as a transport reads it."""

    stream: AsyncGenerator[T]
    _told: asyncio.Queue[T | Exception] = field(default_factory=asyncio.Queue)

    async def follow(self) -> None:
        try:
            async with aclosing(self.stream):
                async for state in self.stream:
                    self._told.put_nowait(state)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is told of it
            self._told.put_nowait(error)
        else:
            self._told.put_nowait(Ended())

    async def next(self) -> T:
        """Give the next state that is told, or raise what the stream has raised."""
        async with asyncio.timeout(PATIENCE):
            told = await self._told.get()
        if isinstance(told, Exception):
            raise told
        return told

    @property
    def silent(self) -> bool:
        """Say whether all that was told has been taken."""
        return self._told.empty()

    async def ended(self) -> bool:
        """Wait until the stream ends; what it still tells is a failure."""
        async with asyncio.timeout(PATIENCE):
            return isinstance(await self._told.get(), Ended)


@asynccontextmanager
async def hearing(stream: AsyncGenerator[T]) -> AsyncIterator[Heard[T]]:
    heard = Heard(stream)
    task = asyncio.create_task(heard.follow())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def lively(services: Services, *, looks: float = HOUR, rights: float = HOUR) -> AsyncIterator[Live]:
    """Follow what these services answer, but look and ask for rights so seldom that other reasons must do it."""
    live = Live(
        database=services.database,
        clock=services.clock,
        entitlements=services.entitlements,
        look_seconds=looks,
        rights_seconds=rights,
    )
    yield live
    await live.aclose()


async def calm(watching: Watching) -> None:
    """Wait until all that is watched has been looked at, and every stream has read what there is and waits."""
    async with asyncio.timeout(PATIENCE):
        while not all(_waits(watching)):  # noqa: ASYNC110 - a stream tells nobody that it waits
            await asyncio.sleep(0.001)


def _waits(watching: Watching) -> list[bool]:
    return [
        watched.version is not _NEVER_SEEN and bool(watcher._stirred._waiters) and not watcher._stirred.is_set()
        for watched in watching._watched.values()
        for watcher in watched.watchers
    ]


async def rests(watching: Watching) -> bool:
    """Wait until nobody watches and the look-out has ended."""
    if watching._looking is not None:
        async with asyncio.timeout(PATIENCE):
            await watching._looking
    return watching.resting
