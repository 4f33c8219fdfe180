"""No statement keeps a caller, a connection or a lock for longer than its time."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, literal, literal_column, make_url, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from domain.db import Database, Lookup, Session, sqlite
from domain.db.lookup import SqliteReader
from domain.db.sqlite_driver import STATEMENT_SECONDS, opener
from domain.errors import Unavailable

SECONDS = 0.2
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
# Long before anything else would end it on a machine that is slow.
PATIENCE = 60


@pytest.fixture
async def hasty(alone: Path) -> AsyncIterator[Database]:
    """A database on SQLite whose statements have little time."""
    url = make_url(f"sqlite+aiosqlite:///{alone}")
    creator = opener(url, busy_seconds=sqlite.BUSY_SECONDS, statement_seconds=SECONDS)
    engine = create_async_engine(url, pool_size=1, max_overflow=0, async_creator=creator)
    sqlite.prepare(engine.sync_engine)
    database = Database(engine, SqliteReader(engine))
    yield database
    await database.aclose()


async def test_a_read_without_end_is_ended_and_its_connection_serves_the_next(hasty: Database) -> None:
    before = time.monotonic()
    with pytest.raises(Unavailable):
        async with hasty.snapshot() as session:
            await session.execute(text(f"{ENDLESS} SELECT count(*) FROM n"))
    async with hasty.snapshot() as session:
        found = (await session.execute(text("SELECT 1"))).scalar_one()

    assert found == 1
    assert SECONDS <= time.monotonic() - before < PATIENCE


async def test_a_write_without_end_is_undone_with_all_that_stood_before_it_and_locks_nothing(hasty: Database) -> None:
    async def made(session: Session) -> None:
        await session.execute(text("CREATE TABLE numbers (i integer)"))

    async def endless(session: Session) -> None:
        await session.execute(text("INSERT INTO numbers VALUES (1)"))
        await session.execute(text(f"{ENDLESS} INSERT INTO numbers SELECT i FROM n"))

    async def brief(session: Session) -> int:
        await session.execute(text("INSERT INTO numbers VALUES (2)"))
        return int((await session.execute(text("SELECT sum(i) FROM numbers"))).scalar_one())

    await hasty.run(made)
    with pytest.raises(Unavailable):
        await hasty.run(endless)

    assert await hasty.run(brief) == 2


async def test_a_transaction_of_short_statements_may_last(hasty: Database) -> None:
    async def patient(session: Session) -> int:
        until = time.monotonic() + 2 * SECONDS
        done = 0
        while time.monotonic() < until:
            done += int((await session.execute(text("SELECT 1"))).scalar_one())
        return done

    assert await hasty.run(patient) > 0


async def test_a_lookup_without_end_is_ended_in_its_time(database: Database) -> None:
    clock = "pg_sleep(60)" if database.dialect == "postgresql" else "1"
    numbers = text(f"({ENDLESS} SELECT i FROM n) AS n")
    endless: Select[Any] = select(literal_column(clock)).select_from(numbers).limit(1).offset(10**12)
    before = time.monotonic()

    with pytest.raises(Unavailable):
        await database.look_up(Lookup(endless))

    assert STATEMENT_SECONDS <= time.monotonic() - before < PATIENCE
    assert await database.look_up(Lookup(select(literal(1)))) == [(1,)]
