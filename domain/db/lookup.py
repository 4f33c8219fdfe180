"""Single statements of the hot path: compiled once, and sent to the driver in one step, past sessions and transactions.

A statement is consistent by itself, so it needs no transaction around it. Whatever must add up over two statements, or
with a write, belongs into `snapshot()` or `transaction()`. Every lookup sees the newest committed state.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.db import sqlite, sqlite_driver
from domain.errors import Unavailable

Row = Sequence[Any]
# asyncpg says InternalClientError where a connection dies between being chosen and being used.
CUT = (ConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError)
LOST = (sqlite3.Error, asyncpg.PostgresError, *CUT, OSError, TimeoutError)
SHORTEST_POOL, LONGEST_POOL = 1, 5


class Reader(Protocol):
    """Runs one statement at a time over connections of its own."""

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Row]:
        """Run a statement with its values in order and give all rows."""

    async def aclose(self) -> None:
        """Close the connections."""


class SqliteReader:
    """One connection that cannot write; its thread takes each statement in one hop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._opening = asyncio.Lock()
        self._connection: sqlite_driver.Connection | None = None

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Row]:
        """Run a statement; the driver finalizes it, so no read ever holds the write-ahead log."""
        connection = self._connection or await self._open()
        return (await connection.whole(lambda cursor: cursor.execute(statement, values))).rows

    async def aclose(self) -> None:
        """Close the connection and end its thread."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _open(self) -> sqlite_driver.Connection:
        async with self._opening:
            if self._connection is None:
                opened = await sqlite_driver.opener(self._engine.url, busy_seconds=sqlite.BUSY_SECONDS)()
                await opened.execute_fetchall("PRAGMA query_only = on")
                self._connection = opened
            return self._connection


class _ReadingConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg carries no types
    """A connection that leaves nothing behind, so nothing is asked of the server when it goes back to the pool."""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's signature
        """Do nothing."""


class PostgresqlReader:
    """A small pool beside SQLAlchemy's, for statements that need neither BEGIN nor ROLLBACK."""

    def __init__(self, engine: AsyncEngine, options: dict[str, Any]) -> None:
        self._engine = engine
        settings = {**options["server_settings"], "default_transaction_read_only": "on"}
        self._options = {**options, "server_settings": settings}
        self._opening = asyncio.Lock()
        self._pool: Any = None

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Row]:
        """Run a statement, once more on a fresh connection when the one at hand turns out to be dead."""
        pool = self._pool or await self._open()
        try:
            found: Sequence[Row] = await pool.fetch(statement, *values)
        except CUT:
            # A time limit that has run out is no such thing; waiting for it twice would help nobody.
            # The loop hears that the connection is gone only when it is let run, and the pool gives it out until then.
            await asyncio.sleep(0)
            found = await pool.fetch(statement, *values)
        return found

    async def aclose(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def _open(self) -> Any:
        async with self._opening:
            if self._pool is None:
                _, address = self._engine.dialect.create_connect_args(self._engine.url)
                self._pool = await asyncpg.create_pool(
                    **address,
                    **self._options,
                    min_size=SHORTEST_POOL,
                    max_size=LONGEST_POOL,
                    connection_class=_ReadingConnection,
                    init=_read_json,
                )
            return self._pool


async def _read_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


class Lookup:
    """A SELECT with named values, ready to be sent."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._ready: dict[str, _Compiled] = {}

    async def rows(self, engine: AsyncEngine, reader: Reader, **values: object) -> list[tuple[Any, ...]]:
        """Give every row, its columns in the order of the SELECT, as the tables' types read them.

        Raises:
            Unavailable: the database could not be reached or was too busy.
        """
        ready = self._ready.get(engine.dialect.name)
        if ready is None:
            # Any values will do for compiling; the real ones come with each call.
            named = self._statement.params(dict.fromkeys(values, ""))
            ready = self._ready[engine.dialect.name] = _Compiled(named, engine)
        try:
            found = await reader.fetch(ready.text, ready.in_order(values))
        except LOST as error:
            raise Unavailable from error
        return [ready.read(row) for row in found]


class _Compiled:
    """A statement in one engine's words, with what its values and columns need on the way in and out."""

    def __init__(self, statement: Select[Any], engine: AsyncEngine) -> None:
        dialect = engine.dialect
        expanded = statement.compile(dialect=dialect).construct_expanded_state()
        self.text = expanded.statement
        self._names = list(expanded.positiontup or ())
        self._fixed = expanded.parameters
        self._columns: list[Callable[[Any], Any] | None] = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in statement.selected_columns
        ]

    def in_order(self, values: dict[str, object]) -> list[Any]:
        """Put the values where the statement wants them."""
        return [values[name] if name in values else self._fixed[name] for name in self._names]

    def read(self, row: Row) -> tuple[Any, ...]:
        """Read one row's columns."""
        return tuple(value if read is None else read(value) for value, read in zip(row, self._columns, strict=True))
