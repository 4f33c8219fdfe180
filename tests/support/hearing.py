"""Streams heard one state after the other, each awaited with patience and none by the clock."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.live import Live
from domain.live.watching import Watching
from domain.wiring import Services

T = TypeVar("T")
PATIENCE = 60
"""A slow machine is no failure."""
HOUR = 3600.0


class Ended(AssertionError):
    """A stream has ended where it should not have."""


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """One stream, from its reader's end."""

    stream: AsyncGenerator[T]

    async def next(self) -> T:
        async with asyncio.timeout(PATIENCE):
            async for state in self.stream:
                return state
        raise Ended

    async def ended(self) -> bool:
        """Wait until the stream ends; what it still tells is a failure."""
        async with asyncio.timeout(PATIENCE):
            return [state async for state in self.stream] == []


@asynccontextmanager
async def hearing(stream: AsyncGenerator[T]) -> AsyncIterator[Heard[T]]:
    async with aclosing(stream):
        yield Heard(stream)


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


async def rests(watching: Watching) -> bool:
    """Wait until nobody watches and the look-out has ended."""
    if watching._looking is not None:
        async with asyncio.timeout(PATIENCE):
            await watching._looking
    return watching.resting
