"""SQLite's driver, visited once for each statement, which it ends when it takes too long.

Every visit to the driver's thread costs two switches between threads, more than most statements themselves. SQLAlchemy
makes four: for the cursor, the statement, its rows and the end of the cursor. PostgreSQL has a time limit for
statements, and SQLite none but what is given it here. Nothing else is different.
"""

import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy import URL

Row = Any
CHUNK = 64
# As long as PostgreSQL is given.
STATEMENT_SECONDS = 5.0
# Some milliseconds of a statement's work, after which it is asked whether it may go on.
STEPS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What has come of a statement: all its rows, and what a cursor tells of it."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: Sequence[Row] = ()


class TimeLimit:
    """How long one statement may take; SQLite ends it as interrupted, and whatever writes with it is undone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    def __enter__(self) -> None:
        self._until = time.monotonic() + self._seconds

    def __exit__(self, *_: object) -> None:
        self._until = None

    def is_over(self) -> bool:
        """Say whether a statement is running that has had its time; the end of a transaction has all the time."""
        return self._until is not None and time.monotonic() > self._until


class Connection(aiosqlite.Connection):
    """A connection of the driver whose statements are run, read to the end and finalized in one visit."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], limit: TimeLimit) -> None:
        super().__init__(connector, CHUNK)
        self._limit = limit
        # A process can end although a connection was left open, as with SQLAlchemy's own.
        self._thread.daemon = True

    def cursor(self) -> "Cursor":  # type: ignore[override]  # the driver's would be made in a visit of its own
        """Make a cursor; only its statement goes to the thread."""
        return Cursor(self)

    async def whole(self, run: Callable[[sqlite3.Cursor], object]) -> Done:
        """Run a statement in the driver's thread and bring everything back."""
        done: Done = await self._execute(_whole, self._conn, run, self._limit)  # type: ignore[no-untyped-call]
        return done


class Cursor:
    """A cursor as SQLAlchemy wants it of a driver; what it gives has been read already."""

    def __init__(self, connection: Connection) -> None:
        self.arraysize = 1
        self._connection = connection
        self._done = Done()
        self._rows: deque[Row] = deque()

    async def __aenter__(self) -> Self:
        """Do nothing: there is no cursor yet."""
        return self

    @property
    def description(self) -> Any:
        """The columns; None where the statement gives no rows."""
        return self._done.description

    @property
    def rowcount(self) -> int:
        """How many rows were written; -1 where none could be."""
        return self._done.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the row that was inserted."""
        return self._done.lastrowid

    async def execute(self, operation: str, parameters: Iterable[Any] = ()) -> None:
        """Run a statement.

        Raises:
            sqlite3.Error: the database's own.
        """
        await self._run(lambda cursor: cursor.execute(operation, parameters))  # type: ignore[arg-type]

    async def executemany(self, operation: str, parameters: Iterable[Iterable[Any]]) -> None:
        """Run a statement once for each set of parameters.

        Raises:
            sqlite3.Error: the database's own.
        """
        await self._run(lambda cursor: cursor.executemany(operation, parameters))  # type: ignore[arg-type]

    async def fetchone(self) -> Row | None:
        """Give the next row."""
        return self._rows.popleft() if self._rows else None

    async def fetchmany(self, size: int | None = None) -> list[Row]:
        """Give the next rows."""
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    async def fetchall(self) -> list[Row]:
        """Give the rows that are left."""
        rows = list(self._rows)
        self._rows.clear()
        return rows

    async def __aiter__(self) -> AsyncIterator[Row]:
        """Go through the rows that are left."""
        while self._rows:
            yield self._rows.popleft()

    async def close(self) -> None:
        """Let go of the rows."""
        self._rows.clear()

    async def _run(self, run: Callable[[sqlite3.Cursor], object]) -> None:
        self._done = await self._connection.whole(run)
        self._rows = deque(self._done.rows)


def opener(
    address: URL, *, busy_seconds: float, statement_seconds: float = STATEMENT_SECONDS
) -> Callable[[], Awaitable[Connection]]:
    """Make what opens connections to an address, for `create_async_engine`.

    Each waits `busy_seconds` for a locked file, and ends a statement after `statement_seconds`.
    """
    arguments, options = address.get_dialect()().create_connect_args(address)
    connector = partial(sqlite3.connect, *arguments, **{**options, "timeout": busy_seconds})

    async def opened() -> Connection:
        limit = TimeLimit(statement_seconds)
        connection = Connection(partial(_limited, connector, limit), limit)
        await connection
        return connection

    return opened


def _limited(connector: Callable[[], sqlite3.Connection], limit: TimeLimit) -> sqlite3.Connection:
    connection = connector()
    connection.set_progress_handler(limit.is_over, STEPS)
    return connection


def _whole(connection: sqlite3.Connection, run: Callable[[sqlite3.Cursor], object], limit: TimeLimit) -> Done:
    # Closing here, in the driver's thread, leaves no statement open that would hold a lock or the write-ahead log.
    with contextlib.closing(connection.cursor()) as cursor, limit:
        run(cursor)
        rows = cursor.fetchall() if cursor.description else ()
        return Done(description=cursor.description, rowcount=cursor.rowcount, lastrowid=cursor.lastrowid, rows=rows)
