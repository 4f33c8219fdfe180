"""The toy's schema with streams that say what becomes of them, served by a real server."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from graphql_api import edge, streams
from graphql_api.errors import MaskingSchema
from graphql_api.transport import Recognizing
from graphql_api.transport.sockets import Sockets, Terms
from tests.graphql_api import toy
from tests.support.clock import FixedClock
from tests.support.talking import Talk, served, talking


@dataclass
class Diary:
    """What the streams of one test have done."""

    begun: int = 0
    ended: int = 0
    told: int = 0
    closed: int = 0
    """Handshakes and sockets that the server is done with."""
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    change: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def note(self, **counted: int) -> None:
        async with self.change:
            for name, number in counted.items():
                setattr(self, name, getattr(self, name) + number)
            self.change.notify_all()

    async def until(self, **counted: int) -> None:
        """Wait until so much has been counted."""
        async with asyncio.timeout(30), self.change:
            await self.change.wait_for(lambda: all(getattr(self, name) == number for name, number in counted.items()))


def kept(diary: Diary) -> type:
    @strawberry.type
    class Streams(toy.Subscription):
        @strawberry.subscription
        async def forever(self) -> AsyncGenerator[int]:
            """Tell one number, and then nothing more."""
            await diary.note(begun=1)
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                await diary.note(ended=1)

        @strawberry.subscription
        async def silence(self) -> AsyncGenerator[int]:
            """Tell nothing at all."""
            await diary.note(begun=1)
            try:
                await asyncio.Event().wait()
                yield 1
            finally:
                await diary.note(ended=1)

        @strawberry.subscription
        async def flood(self, size: int, to: int = 1_000_000) -> AsyncGenerator[str]:
            """Tell as much as anybody will hear."""
            for _ in range(to):
                await diary.note(told=1)
                yield "x" * size

        @strawberry.subscription
        async def stubborn(self) -> AsyncGenerator[int]:
            """Go on when told to end."""
            await diary.note(begun=1)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await diary.note(ended=1)
            while True:
                yield 1

        @strawberry.subscription
        async def lingering(self) -> AsyncGenerator[int]:
            """Take its time to tidy up."""
            await diary.note(begun=1)
            try:
                await asyncio.Event().wait()
                yield 1
            finally:
                await diary.may_end.wait()
                await diary.note(ended=1)

        @strawberry.subscription
        async def steps(self) -> AsyncGenerator[int]:
            """Tell one number, and another when it may."""
            yield 1
            await diary.may_end.wait()
            yield 2

        @strawberry.subscription
        async def broken(self) -> AsyncGenerator[int]:
            yield 1
            raise RuntimeError(toy.DSN)

    return Streams


def heed(schema: MaskingSchema) -> None:
    """Let the streams end as those of Seatgate's schema do; the toy has no services for all that those ask."""
    root = schema._schema.subscription_type
    for each in root.fields.values() if root else ():
        each.subscribe = partial(_wanted, each.subscribe)


async def _wanted(subscribe: Any, *arguments: Any, **named: Any) -> AsyncGenerator[Any]:
    return streams.wanted(await subscribe(*arguments, **named))


def app(
    diary: Diary,
    *,
    terms: Terms | None = None,
    recognition: Recognizing | None = None,
    clock: FixedClock | None = None,
    hosts: Sequence[str] = ("*",),
    origins: Sequence[str] = (),
) -> Starlette:
    schema = toy.schema(subscription=kept(diary))
    heed(schema)
    sockets = Sockets(
        schema,
        recognition=recognition or toy.Recognition(),
        clock=clock or FixedClock(toy.NOW),
        origins=origins,
        terms=terms,
    )

    class Noted:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await sockets(scope, receive, send)
            finally:
                await diary.note(closed=1)

    made = Starlette(
        routes=[WebSocketRoute("/graphql", Noted())],
        middleware=edge.middleware(allowed_hosts=hosts, allowed_origins=origins),
    )
    made.state.sockets = sockets
    return made


@contextlib.asynccontextmanager
async def speaking(
    diary: Diary, *, introduced: bool = True, options: dict[str, Any] | None = None, **how: Any
) -> AsyncIterator[Talk]:
    """Serve the toy and open one socket, as Ann unless it is not introduced."""
    async with served(app(diary, **how)) as address, talking(address, **options or {}) as talk:
        if introduced:
            await introduce(talk)
        yield talk


async def introduce(talk: Talk, who: str = "ann") -> None:
    said = await talk.introduce(authorization=f"Bearer {toy.token(sub=who)}")
    assert said == {"type": "connection_ack"}
