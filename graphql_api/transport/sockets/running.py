"""The operations that run on one socket, each in a task of its own, beside each other."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeAlias

from domain.errors import RateLimited, Unavailable
from domain.telemetry import logs
from graphql_api.errors import Code, MaskingSchema
from graphql_api.transport.sockets import operations
from graphql_api.transport.sockets.closing import CloseCode, closing
from graphql_api.transport.sockets.frames import Subscribe
from graphql_api.transport.sockets.line import Line
from graphql_api.transport.sockets.operations import Message
from graphql_api.transport.sockets.standing import Proving, Standing
from graphql_api.transport.sockets.tallies import Bucket, Full, Tallies
from graphql_api.transport.sockets.terms import Terms

LAST_WORD_SECONDS = 0.1
TOO_MANY = "Too many requests; try again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all sockets of an application have in common."""

    schema: MaskingSchema
    proving: Proving
    tallies: Tallies
    terms: Terms


Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task that ends with the conversation, and that ends the conversation when it raises `Closing`."""


class Running:
    """What runs on one socket for one caller. `holder` is who answers for it in the tallies."""

    def __init__(self, house: House, line: Line, standing: Standing, *, holder: Hashable, start: Start) -> None:
        self._house = house
        self._line = line
        self._standing = standing
        self._holder = holder
        self._start = start
        self._loop = asyncio.get_running_loop()
        terms = house.terms
        self._starts = Bucket(
            capacity=terms.operations_per_socket, per_second=terms.starts_per_second, now=self._loop.time()
        )
        self._by_id: dict[str, asyncio.Task[None]] = {}
        # With the future that is done once it has answered. What was told to end counts until it has tidied up.
        self._tasks: dict[asyncio.Task[None], asyncio.Future[None]] = {}

    def __len__(self) -> int:
        """Say how many operations run."""
        return len(self._tasks)

    async def begin(self, frame: Subscribe) -> None:
        """Begin an operation, or refuse it when too many run or have begun.

        Raises:
            Closing: one of the same id runs already.
        """
        if frame.id in self._by_id:
            raise closing(CloseCode.ALREADY_RUNNING, "Subscriber for this id already exists")
        wait = self._starts.spend(self._loop.time())
        if wait or len(self) >= self._house.terms.operations_per_socket:
            await self._line.say({"id": frame.id, **_too_many(uuid.uuid4().hex, wait)})
            return
        task = self._start(self._run(frame))
        self._by_id[frame.id] = task
        self._tasks[task] = self._loop.create_future()
        task.add_done_callback(self._done)

    def end(self, id: str) -> None:
        """End an operation that its client wants no more of; one that has ended already is none."""
        if task := self._by_id.pop(id, None):
            task.cancel()

    async def answered(self, *, at_most: float) -> None:
        """Wait so many seconds until everything has answered; what streams has done so with its first event."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=at_most)
        if self._tasks:
            # Those whose only result this was have one more word to say.
            await asyncio.wait(list(self._tasks), timeout=LAST_WORD_SECONDS)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._has_answered(task)
        del self._tasks[task]

    def _has_answered(self, task: asyncio.Task[None]) -> None:
        if not self._tasks[task].done():
            self._tasks[task].set_result(None)

    async def _run(self, frame: Subscribe) -> None:
        request_id = uuid.uuid4().hex
        logs.request_id.set(request_id)
        try:
            with self._house.tallies.operations.held(self._holder):
                await self._answer(frame, request_id)
        except Full:
            await self._tell(frame, _too_many(request_id, 1))
        except RateLimited as limited:
            await self._tell(frame, _too_many(request_id, limited.retry_after_seconds))
        except Unavailable as away:
            await self._tell(frame, operations.refused(Code.UNAVAILABLE, away.message, request_id=request_id))

    async def _answer(self, frame: Subscribe, request_id: str) -> None:
        context = await self._standing.context(request_id)
        async with aclosing(operations.told(self._house.schema, frame.asked, context)) as messages:
            async for message in messages:
                self._standing.check()
                await self._tell(frame, message)

    async def _tell(self, frame: Subscribe, message: Message) -> None:
        """Tell something of this task's operation, if it is still wanted; with the last word its id is free again."""
        task = asyncio.current_task()
        if task is None or self._by_id.get(frame.id) is not task:
            # It was told to end, and something in it would not hear of it.
            raise asyncio.CancelledError
        if message["type"] != "next":
            del self._by_id[frame.id]
        await self._line.say({"id": frame.id, **message})
        self._has_answered(task)


def _too_many(request_id: str, wait: float) -> Message:
    later = max(1, ceil(wait))
    return operations.refused(Code.RATE_LIMITED, TOO_MANY, request_id=request_id, retry_after_seconds=later)
