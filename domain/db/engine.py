"""Engines and transactions. Writers take the write lock first; readers see one consistent state and never write."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, TypeVar

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from domain.db import sqlite, sqlite_driver
from domain.db.failures import unreachable, worth_retrying, written_to_a_snapshot
from domain.db.hints import Hints
from domain.db.line import Line
from domain.db.lookup import Lookup, PostgresqlReader, Reader, SqliteReader
from domain.errors import ConfigError, Unavailable
from domain.telemetry import Signal, Telemetry, Told

T = TypeVar("T")

ATTEMPTS = 5
RETRY_SECONDS = 0.2
POOL_SIZE = 5
POOL_SECONDS = 10
POSTGRESQL_OPTIONS: dict[str, Any] = {
    "timeout": 3,
    "command_timeout": 6,
    "server_settings": {
        "lock_timeout": "2000",
        "statement_timeout": "5000",
        "idle_in_transaction_session_timeout": "10000",
    },
}


class Session(AsyncSession):
    """A session that cannot end its own transaction: only the unit of work commits, rolls back and closes."""

    @property
    def idempotency_key(self) -> str | None:
        """The client's key of the command that this transaction carries out, where it gave one."""
        key: str | None = self.info.get("idempotency_key")
        return key

    @property
    def leaves_effects(self) -> bool:
        """Say whether this transaction has put anything into the outbox, which is when the worker is worth waking."""
        return bool(self.info.get("effects"))

    @property
    def locks_rows(self) -> bool:
        """Say whether single rows can be locked; a writer on SQLite holds the lock of the whole file already."""
        return self.get_bind().dialect.name != "sqlite"

    def signal(self, signal: Signal, told: Told) -> None:
        """Tell operators of something once this has committed; in a savepoint last, which takes nothing of it back."""
        self.info.setdefault("signals", []).append((signal, told))

    def touched(self, *ids: str) -> None:
        """Hint to whoever watches these, once this has committed; where it is forgotten they notice a little later."""
        self.info.setdefault("touched", set()).update(ids)

    async def commit(self) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("only the unit of work commits")

    async def rollback(self) -> NoReturn:
        """Refuse; raise a refusal instead, and everything is undone.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("only the unit of work rolls back")

    async def close(self) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("only the unit of work closes its session")

    async def reset(self) -> NoReturn:
        """Refuse, because it ends the transaction too.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("only the unit of work resets its session")

    async def invalidate(self) -> NoReturn:
        """Refuse, because it ends the transaction too.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("only the unit of work gives its connection up")


class Database:
    """One database and how to work on it. Made by `open_database`; `aclose` drains running work first."""

    def __init__(
        self,
        engine: AsyncEngine,
        options: dict[str, Any] | None = None,
        *,
        telemetry: Telemetry | None = None,
        hints: Hints | None = None,
    ) -> None:
        self.engine = engine
        self.telemetry = telemetry or Telemetry()
        self.hints = hints or Hints()
        self.dialect = engine.dialect.name
        reading: dict[str, Any] = {sqlite.READING: True}
        if self.dialect == "postgresql":
            reading |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = engine.execution_options(**reading)
        self._write = async_sessionmaker(engine, class_=Session, expire_on_commit=False)
        self._read = async_sessionmaker(self._reading, class_=Session, expire_on_commit=False)
        # Waiting here instead of in SQLite's busy handler keeps writers of one process in order and wakes them at once.
        self._writers = asyncio.Semaphore(1 if self.dialect == "sqlite" else POOL_SIZE)
        self._running: set[asyncio.Task[Any]] = set()
        self._reader: Reader = (
            SqliteReader(engine)
            if self.dialect == "sqlite"
            else PostgresqlReader(engine, options or POSTGRESQL_OPTIONS)
        )

    async def look_up(self, lookup: Lookup, **values: object) -> list[tuple[Any, ...]]:
        """Run one prepared SELECT over the newest committed state, with the least that it can cost.

        Raises:
            Unavailable: the database could not be reached or was too busy.
        """
        return await lookup.rows(self.engine, self._reader, **values)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Open one writing transaction; it commits when the block ends and leaves nothing when the block raises."""
        async with self._writers, self._ended(self._write()) as session:
            yield session
            await AsyncSession.commit(session)
            for signal, told in session.info.pop("signals", ()):
                self.telemetry.signal(signal, told)
            if touched := session.info.pop("touched", None):
                self.hints.tell(touched)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """Open a read of one consistent state; statements in it add up, writes in it are lost or refused.

        Raises:
            Unavailable: the database could not be reached or was too busy.
        """
        try:
            async with self._ended(self._read()) as session:
                yield session
        except (DBAPIError, PoolTimeout, OSError) as error:
            # Every snapshot is read-only: who writes in it is at fault, not the database.
            if unreachable(error) and not written_to_a_snapshot(error):
                raise Unavailable from error
            raise

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a connection that reads what no session maps; it waits for no writer and keeps none waiting."""
        return self._reading.connect()

    @contextlib.asynccontextmanager
    async def _ended(self, session: Session) -> AsyncIterator[Session]:
        try:
            yield session
        finally:
            # Closing rolls back whatever has not been committed; a rollback cut off would cost the connection.
            await self.shielded(AsyncSession.close(session))

    async def run(self, body: Callable[[Session], Awaitable[T]]) -> T:
        """Run `body` as one transaction that its caller's cancellation cannot tear, retrying lost races.

        `body` may run several times, so it touches nothing but the session.

        Raises:
            Unavailable: the database could not be reached or was too busy; nothing was written.
        """
        return await self.shielded(self._attempts(body))

    async def shielded(self, work: Awaitable[T]) -> T:
        """Finish `work` even when the caller is cancelled: cancelled says nothing about the outcome."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _attempts(self, body: Callable[[Session], Awaitable[T]]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.transaction() as session:
                    return await body(session)
            except (DBAPIError, PoolTimeout, OSError) as error:
                if attempt == ATTEMPTS or not worth_retrying(error):
                    if unreachable(error):
                        raise Unavailable from error
                    raise
            await asyncio.sleep(random.uniform(0.005, RETRY_SECONDS))  # noqa: S311 - jitter is no secret
        raise AssertionError("unreachable")

    async def verify(self) -> None:
        """Read the settings of a connection back.

        Raises:
            ConfigError: a setting that durability rests on did not take.
        """
        if self.dialect != "sqlite":
            return
        async with self.connection() as connection:
            found = {name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in sqlite.PRAGMAS}
        wanted = sqlite.PRAGMAS.items()
        wrong = [f"SQLite did not take {name} = {value}" for name, value in wanted if found[name] != value]
        if wrong:
            raise ConfigError(wrong)

    async def aclose(self, *, within: float = 10) -> None:
        """Let running work finish, for `within` seconds at most, then close every connection."""
        if self._running:
            await asyncio.wait(self._running, timeout=within)
        await self.hints.aclose()
        await self._reader.aclose()
        await self.engine.dispose()


def open_database(url: str, *, listen_url: str | None = None, telemetry: Telemetry | None = None) -> Database:
    """Make the engine for `sqlite+aiosqlite://…` or `postgresql+asyncpg://…`; nothing is connected yet.

    On PostgreSQL, `?schema=name` in the address lets every table be found and made in that schema and in no other, and
    hints go over a connection to `listen_url`, which leads past every pooler; by default it is the same address.
    What transactions tell operators goes to `telemetry`, by default to one of the database's own.
    """
    if make_url(url).get_backend_name() == "postgresql":
        address, options = _in_schema(make_url(url))
        engine = create_async_engine(
            address,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=options,
        )
        line = Line(*_in_schema(make_url(listen_url or url)))
        return Database(engine, options, telemetry=telemetry, hints=Hints(line))
    engine = create_async_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
        async_creator=sqlite_driver.opener(make_url(url), busy_seconds=sqlite.BUSY_SECONDS),
    )
    sqlite.prepare(engine.sync_engine)
    return Database(engine, telemetry=telemetry)


def _in_schema(address: URL) -> tuple[URL, dict[str, Any]]:
    """Take the schema out of an address, which the driver would not know there, and put it into the options."""
    schema = address.query.get("schema")
    if schema is None:
        return address, POSTGRESQL_OPTIONS
    settings = POSTGRESQL_OPTIONS["server_settings"] | {"search_path": schema}
    return address.difference_update_query(["schema"]), POSTGRESQL_OPTIONS | {"server_settings": settings}


async def answers(database: Database) -> bool:
    """Say whether the database answers a question at this moment."""
    try:
        async with database.connection() as connection:
            await connection.execute(text("SELECT 1"))
    except (DBAPIError, PoolTimeout, OSError):
        return False
    return True
