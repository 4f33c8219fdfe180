"""How commands reach the Fake: each key is answered once, and faults come between as they are scripted."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain.billing.processors import ProcessorRefused
from domain.billing.processors.fake import faults, passing
from domain.billing.processors.fake.books import Books
from domain.billing.processors.fake.documents import Document
from domain.billing.processors.fake.faults import Fault, OwnScript
from domain.billing.processors.fake.models import FakeEvent, FakeRequest
from domain.billing.processors.fake.scripts import SharedScript
from domain.billing.processors.fake.terms import Terms
from domain.clock import Clock
from domain.db import Database, Lookup, Session

T = TypeVar("T")
Work = Callable[[Books], Awaitable[T]]

_TOLD: tuple[Any, ...] = (FakeEvent.id, FakeEvent.body)
HELD = Lookup(select(*_TOLD).where(FakeEvent.held_at.is_not(None)).order_by(FakeEvent.sequence))


class Requests:
    """Opens the books for commands, for reads and for whoever plays the Fake's owner."""

    def __init__(self, database: Database, clock: Clock, terms: Terms) -> None:
        self.own = OwnScript()
        self.shared = SharedScript(database)
        self._database = database
        self._clock = clock
        self._terms = terms

    async def once(
        self, operation: str, key: str, request: Document, work: Work[Document], unchanged: Work[Document] | None = None
    ) -> Document:
        """Carry out a command unless its key was answered before; `unchanged` answers where nothing shall be done.

        Raises:
            ProcessorRefused: the key came with another request before, or the answer is no.
            ProcessorUnavailable: a script has a fault here.
        """
        asked = {"operation": operation, **request}
        do, leave = (each and partial(self._once, key, asked, each) for each in (work, unchanged))
        assert do is not None
        return await faults.play((self.own, self.shared), operation, do, leave)

    async def read(self, operation: str, work: Work[T]) -> T:
        """Carry out a command that changes nothing.

        Raises:
            ProcessorUnavailable: a script has a fault here.
        """
        return await faults.play((self.own, self.shared), operation, partial(self.look, work))

    async def look(self, work: Work[T]) -> T:
        """Read in the books."""
        async with self._database.snapshot() as session:
            return await work(Books(session, self._clock, self._terms, writes=False))

    async def write(self, work: Work[T], *, in_time: bool = True) -> T:
        """Write in the books as their owner, with no key and no fault; unless `in_time` is false, after what is due."""

        async def carry_out(session: Session) -> T:
            books = Books(session, self._clock, self._terms, writes=True)
            if in_time:
                await passing.catch_up(books)
            return await work(books)

        return await self._database.run(carry_out)

    async def held(self) -> list[tuple[str, bytes]]:
        """List the ids and bodies of the events whose webhooks are held back for a later one."""
        return [(id, body) for id, body in await self._database.look_up(HELD)]

    async def faults_wait(self) -> bool:
        """Say whether any fault waits, whatever it would hit."""
        return self.own.waits or await self.shared.waits()

    async def fault(self, operation: str) -> Fault | None:
        """Take the fault that waits for a webhook of this type."""
        return await faults.first((self.own, self.shared), operation)

    async def _once(self, key: str, request: Document, work: Work[Document]) -> Document:
        async def answer(books: Books) -> Document:
            known = await books.session.get(FakeRequest, key)
            if known is None:
                known = FakeRequest(key=key, request=request, answer={})
                books.session.add(known)
                await books.session.flush()
                known.answer = await work(books)
            if known.request != request:
                raise ProcessorRefused("This key was used for something else.", code="idempotency_error")
            return known.answer

        try:
            return await self.write(answer)
        except IntegrityError:
            # A twin took the key between our look and our insert; now its answer is there.
            return await self.write(answer)
