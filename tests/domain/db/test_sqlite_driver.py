"""A statement on SQLite costs one visit to the driver's thread, and is otherwise what it always was."""

import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from domain.db import Database
from tests.support.tables import execute


@pytest.fixture
async def named(sqlite_file: Database) -> Database:
    await execute(
        sqlite_file,
        "CREATE TABLE named (n integer PRIMARY KEY, name varchar(10) UNIQUE)",
        "INSERT INTO named (name) VALUES ('a'), ('b'), ('c')",
    )
    return sqlite_file


async def test_a_statement_visits_the_drivers_thread_once(named: Database, caplog: pytest.LogCaptureFixture) -> None:
    async with named.snapshot() as session:
        await session.execute(text("SELECT 1"))
        with caplog.at_level(logging.DEBUG, logger="aiosqlite"):
            rows = (await session.execute(text("SELECT name FROM named ORDER BY n"))).scalars().all()

    assert rows == ["a", "b", "c"]
    assert len([record for record in caplog.records if record.msg.startswith("executing")]) == 1


async def test_what_was_written_is_counted_and_numbered(named: Database) -> None:
    async with named.transaction() as session:
        connection = await session.connection()
        inserted = await connection.exec_driver_sql("INSERT INTO named (name) VALUES ('d')")
        updated = await connection.exec_driver_sql("UPDATE named SET name = name || '!' WHERE n > 2")
        returned = await connection.exec_driver_sql("DELETE FROM named WHERE n < 3 RETURNING name")
        many = await connection.exec_driver_sql("DELETE FROM named WHERE n = ?", [(3,), (4,), (5,)])

        assert inserted.lastrowid == 4
        assert updated.rowcount == 2
        assert returned.scalars().all() == ["a", "b"]
        assert many.rowcount == 2


async def test_rows_can_be_streamed(named: Database) -> None:
    async with named.snapshot() as session:
        streamed = await session.stream_scalars(text("SELECT name FROM named ORDER BY n"))
        first, rest = await streamed.fetchmany(1), [name async for name in streamed]
        assert (first, rest) == (["a"], ["b", "c"])


async def test_a_statement_that_fails_leaves_the_connection_as_it_was(named: Database) -> None:
    async with named.transaction() as session:
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                await session.execute(text("INSERT INTO named (name) VALUES ('e'), ('a')"))

        assert (await session.execute(text("SELECT count(*) FROM named"))).scalar_one() == 3
