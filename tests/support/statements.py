"""What is sent to the database, and what becomes of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from domain.db import Database
from domain.db.lookup import Reader, Row


@contextmanager
def statements(database: Database, *, looking_for_catalogs: bool = False) -> Iterator[list[str]]:
    """List the SELECT statements that are sent meanwhile, lookups among them.

    An application looks for a new catalog once a second, whatever else it is asked: that is left out unless asked for.
    """
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            sent.append(statement)

    class Noting:
        """Notes lookups, which go past the engine."""

        def __init__(self, reader: Reader) -> None:
            self.reader = reader

        async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Row]:
            if looking_for_catalogs or "FROM catalog_periods" not in statement:
                sent.append(statement)
            return await self.reader.fetch(statement, values)

        async def aclose(self) -> None:
            await self.reader.aclose()

    noting = Noting(database._reader)
    database._reader = noting
    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    database._reader = noting.reader


@contextmanager
def lost(database: Database, table: str) -> Iterator[None]:
    """Lose the connection whenever a lookup reads from a table."""
    reader = database._reader

    class Losing:
        async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Row]:
            if table in statement:
                raise ConnectionResetError
            return await reader.fetch(statement, values)

        async def aclose(self) -> None:
            await reader.aclose()

    database._reader = Losing()
    yield
    database._reader = reader
