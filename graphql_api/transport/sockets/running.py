"""The operations that run on one socket, each in a task of its own, beside each other."""

import asyncio
import uuid
from collections.abc import Hashable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import NoReturn

from domain.errors import RateLimited, Unavailable
from domain.telemetry import logs
from graphql_api import streams
from graphql_api.errors import Code, MaskingSchema
from graphql_api.streams import Following
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


class Running:
    """What runs on one socket for one caller. `holder` is who answers for it in the tallies.

    An operation that nobody wants any more is not torn: a stream ends where it waits for its next event, and everything
    else runs to its end unheard, as it does over HTTP.
    """

    def __init__(self, house: House, line: Line, standing: Standing, *, holder: Hashable) -> None:
        self._house = house
        self._line = line
        self._standing = standing
        self._holder = holder
        self._loop = asyncio.get_running_loop()
        terms = house.terms
        self._starts = Bucket(
            capacity=terms.operations_per_socket, per_second=terms.starts_per_second, now=self._loop.time()
        )
        self._by_id: dict[str, _Operation] = {}
        self._all: set[_Operation] = set()
        self._failure: asyncio.Future[NoReturn] = self._loop.create_future()

    def __len__(self) -> int:
        """Say how many operations run, those that nobody wants any more among them."""
        return len(self._all)

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
        operation = _Operation(id=frame.id, answered=self._loop.create_future())
        self._by_id[frame.id] = operation
        self._all.add(operation)
        task = operation.task = asyncio.create_task(self._run(operation, frame))
        task.add_done_callback(partial(self._done, operation))

    def end(self, id: str) -> None:
        """Want no more of an operation; one that has ended already is none."""
        if operation := self._by_id.pop(id, None):
            operation.end(at_most=self._house.terms.tidy_seconds)

    async def failed(self) -> NoReturn:
        """Wait until something of the running ends the whole conversation.

        Raises:
            Closing: the credential of an operation proves nothing any more, or the client is gone.
        """
        await self._failure

    async def answered(self, *, at_most: float) -> None:
        """Wait so many seconds until everything has answered; what streams has done so with its first event."""
        if self._all:
            await asyncio.wait([operation.answered for operation in self._all], timeout=at_most)
        if self._all:
            # Those whose only result this was have one more word to say.
            await asyncio.wait([operation.task for operation in self._all], timeout=LAST_WORD_SECONDS)

    async def aclose(self) -> None:
        """Want no more of anything, and wait until all has tidied up."""
        self._failure.cancel()
        for id in list(self._by_id):
            self.end(id)
        if self._all:
            await asyncio.wait([operation.task for operation in self._all])

    def _done(self, operation: "_Operation", task: asyncio.Task[None]) -> None:
        operation.has_answered()
        self._all.discard(operation)
        if not task.cancelled() and (failure := task.exception()) and not self._failure.done():
            self._failure.set_exception(failure)

    async def _run(self, operation: "_Operation", frame: Subscribe) -> None:
        request_id = uuid.uuid4().hex
        logs.request_id.set(request_id)
        operation.following = streams.follow()
        try:
            with self._house.tallies.operations.held(self._holder):
                await self._answer(operation, frame, request_id)
        except Full:
            await self._tell(operation, _too_many(request_id, 1))
        except RateLimited as limited:
            await self._tell(operation, _too_many(request_id, limited.retry_after_seconds))
        except Unavailable as away:
            await self._tell(operation, operations.refused(Code.UNAVAILABLE, away.message, request_id=request_id))

    async def _answer(self, operation: "_Operation", frame: Subscribe, request_id: str) -> None:
        context = await self._standing.context(request_id)
        async with aclosing(operations.told(self._house.schema, frame.asked, context)) as messages:
            async for message in messages:
                self._standing.check()
                await self._tell(operation, message)

    async def _tell(self, operation: "_Operation", message: Message) -> None:
        """Tell something of an operation while it is wanted; with the last word its id is free again."""
        if self._by_id.get(operation.id) is not operation:
            return
        if message["type"] != "next":
            del self._by_id[operation.id]
        await self._line.say({"id": operation.id, **message})
        operation.has_answered()


@dataclass(slots=True, eq=False, kw_only=True)
class _Operation:
    """One operation, its task, and the future that is done once it has answered."""

    id: str
    answered: asyncio.Future[None]
    task: asyncio.Task[None] = field(init=False)
    following: Following | None = None

    def has_answered(self) -> None:
        if not self.answered.done():
            self.answered.set_result(None)

    def end(self, *, at_most: float) -> None:
        """Let it end where it can, and anywhere when it has not ended so many seconds later."""
        if self.following is not None:
            self.following.end()
        late = asyncio.get_running_loop().call_later(at_most, self.task.cancel)
        self.task.add_done_callback(lambda _: late.cancel())


def _too_many(request_id: str, wait: float) -> Message:
    later = max(1, ceil(wait))
    return operations.refused(Code.RATE_LIMITED, TOO_MANY, request_id=request_id, retry_after_seconds=later)
