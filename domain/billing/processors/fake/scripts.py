"""The script of faults that every process shares, in the database."""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import delete, select

from domain.billing.processors.fake.faults import Fault
from domain.billing.processors.fake.models import FakeFault
from domain.db import Database, Lookup, Session

WAITING = Lookup(select(FakeFault.id).limit(1))


class SharedScript:
    """Faults that wait in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, faults: Iterable[Fault]) -> int:
        """Replace what waits and say how many do; nothing clears it.

        Raises:
            ValueError: a fault that nothing can have.
        """
        waiting = list(faults)
        for fault in waiting:
            fault.check()
        await self._database.run(partial(self._write, waiting))
        return len(waiting)

    async def waits(self) -> bool:
        """Say whether any fault waits."""
        return bool(await self._database.look_up(WAITING))

    async def take(self, operation: str) -> Fault | None:
        """Take out the first fault that hits; without a fault that waits this costs one lookup."""
        return await self._database.run(partial(self._take, operation)) if await self.waits() else None

    async def _write(self, faults: list[Fault], session: Session) -> None:
        await session.execute(delete(FakeFault))
        session.add_all(FakeFault(kind=one.kind, operation=one.operation, seconds=one.seconds) for one in faults)

    async def _take(self, operation: str, session: Session) -> Fault | None:
        waiting = select(FakeFault).order_by(FakeFault.id).with_for_update()
        for row in (await session.execute(waiting)).scalars():
            fault = Fault(kind=row.kind, operation=row.operation, seconds=row.seconds)
            if fault.hits(operation):
                await session.delete(row)
                return fault
        return None
