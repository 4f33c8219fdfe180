"""The script of faults that every process shares, in the database."""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import Select, delete, select

from domain.billing.processors.fake.faults import Fault
from domain.billing.processors.fake.models import FakeFault
from domain.db import Database, Session


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
        async with self._database.snapshot() as session:
            return (await session.execute(_waiting().limit(1))).first() is not None

    async def take(self, operation: str) -> Fault | None:
        """Take out the first fault that hits; without a fault that waits this costs one read."""
        async with self._database.snapshot() as session:
            waiting = (await session.execute(_waiting())).scalars().all()
        if not any(_read(row).hits(operation) for row in waiting):
            return None
        return await self._database.run(partial(self._take, operation))

    async def _write(self, faults: list[Fault], session: Session) -> None:
        await session.execute(delete(FakeFault))
        session.add_all(FakeFault(kind=one.kind, operation=one.operation, seconds=one.seconds) for one in faults)

    async def _take(self, operation: str, session: Session) -> Fault | None:
        rows = (await session.execute(_waiting().with_for_update())).scalars()
        row = next((row for row in rows if _read(row).hits(operation)), None)
        if row is None:
            return None
        await session.delete(row)
        return _read(row)


def _waiting() -> Select[FakeFault]:
    return select(FakeFault).order_by(FakeFault.id)


def _read(row: FakeFault) -> Fault:
    return Fault(kind=row.kind, operation=row.operation, seconds=row.seconds)
