"""What a transaction promises on both engines: nothing lost, nothing half, a missing database told at once."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from domain.db import Database, Session, answers, open_database
from domain.db.engine import ATTEMPTS
from domain.db.sqlite import PRAGMAS
from domain.errors import ConfigError, Unavailable
from tests.support.counters import raise_by_one
from tests.support.databases import Engine, let_threads_end
from tests.support.tables import execute, scalar


def pragma_on_connect(database: Database, pragma: str) -> None:
    def set_pragma(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(database.engine.sync_engine, "connect", set_pragma)


async def test_the_settings_that_durability_rests_on_are_read_back(sqlite_file: Database) -> None:
    await sqlite_file.verify()

    async with sqlite_file.snapshot() as session:
        found = {name: (await session.execute(text(f"PRAGMA {name}"))).scalar() for name in PRAGMAS}
    assert found == PRAGMAS


async def test_a_setting_that_did_not_take_stops_the_start(sqlite_file: Database) -> None:
    pragma_on_connect(sqlite_file, "synchronous = 1")

    with pytest.raises(ConfigError, match="SQLite did not take synchronous = 2"):
        await sqlite_file.verify()


async def test_fifty_that_read_and_then_write_lose_nothing(counter: Database) -> None:
    await asyncio.gather(*(counter.run(raise_by_one) for _ in range(50)))

    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 50


async def test_two_that_lock_each_other_out_both_get_through(counter: Database) -> None:
    locked = asyncio.Barrier(2)
    runs = 0

    async def body(session: Session, first: str, second: str) -> None:
        nonlocal runs
        runs += 1
        await raise_by_one(session, first)
        if runs <= 2 and counter.dialect == "postgresql":
            await locked.wait()
        await raise_by_one(session, second)

    await asyncio.gather(
        counter.run(lambda session: body(session, "a", "b")), counter.run(lambda session: body(session, "b", "a"))
    )

    assert runs == (3 if counter.dialect == "postgresql" else 2)
    assert await scalar(counter, "SELECT min(n) FROM counters") == 2


async def test_a_file_that_somebody_else_is_writing_is_waited_for(sqlite_file: Database, alone: Path) -> None:
    await execute(
        sqlite_file, "CREATE TABLE counters (name varchar(10), n integer)", "INSERT INTO counters VALUES ('a', 0)"
    )
    other = sqlite3.connect(alone, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    work = asyncio.create_task(sqlite_file.run(raise_by_one))
    await asyncio.sleep(0.2)
    assert not work.done()
    other.execute("ROLLBACK")
    await work

    assert other.execute("SELECT n FROM counters").fetchone() == (1,)
    other.close()


async def test_a_file_that_stays_locked_is_tried_again_and_then_unavailable(sqlite_file: Database, alone: Path) -> None:
    statements: list[str] = []
    pragma_on_connect(sqlite_file, "busy_timeout = 10")
    await execute(sqlite_file, "CREATE TABLE counters (name varchar(10), n integer)")
    event.listen(sqlite_file.engine.sync_engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    other = sqlite3.connect(alone, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable):
        await sqlite_file.run(raise_by_one)

    other.close()
    assert statements == ["BEGIN IMMEDIATE"] * ATTEMPTS


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite:////nowhere/at/all/seatgate.db",
        "postgresql+asyncpg://postgres@/seatgate?host=/nowhere",
        "postgresql+asyncpg://postgres@127.0.0.1:1/seatgate",
    ],
)
async def test_a_database_that_is_away_is_unavailable_at_once(url: str) -> None:
    database = open_database(url)
    began = time.monotonic()

    with pytest.raises(Unavailable):
        await database.run(raise_by_one)

    assert time.monotonic() - began < 3
    assert not await answers(database)
    await let_threads_end(database)


async def test_a_database_that_is_dropped_is_unavailable(engine: Engine, database: Database) -> None:
    url = make_url(str(database.engine.url))
    if engine.name == "sqlite":
        missing = url.set(database=str(Path(url.database or "").parent / "gone" / "seatgate.db"))
    else:
        missing = url.set(database="gone")
    away = open_database(missing.render_as_string(hide_password=False))

    with pytest.raises(Unavailable):
        await away.run(raise_by_one)
    await let_threads_end(away)


@pytest.mark.parametrize("state", ["08006", "25006", "53300", "57014", "57P01"])
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_server_that_cannot_now_is_unavailable_and_not_asked_again(database: Database, state: str) -> None:
    assert await runs_until_unavailable(database, state) == 1


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_race_lost_every_time_is_unavailable_in_the_end(database: Database, state: str) -> None:
    assert await runs_until_unavailable(database, state) == ATTEMPTS


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_any_other_fault_of_a_statement_is_told_as_it_is(database: Database) -> None:
    with pytest.raises(DBAPIError, match="P0001"):
        await runs_until_unavailable(database, "P0001")


async def runs_until_unavailable(database: Database, state: str) -> int:
    runs = 0

    async def body(session: Session) -> None:
        nonlocal runs
        runs += 1
        await session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION '{state}' USING ERRCODE = '{state}'; END $$"))

    with pytest.raises(Unavailable):
        await database.run(body)
    return runs


async def test_a_database_that_is_there_answers(database: Database) -> None:
    assert await answers(database)


async def test_a_broken_rule_of_the_tables_is_told_as_it_is(counter: Database) -> None:
    with pytest.raises(IntegrityError):
        await counter.run(lambda session: session.execute(text("INSERT INTO counters VALUES ('a', 1)")))


async def test_a_faulty_statement_is_no_lack_of_the_database(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.run(
            lambda session: session.execute(text("INSERT INTO seat_pools (organization_id, used) VALUES ('org_1', -1)"))
        )


@pytest.mark.parametrize("ending", ["commit", "rollback", "close", "aclose", "reset", "invalidate"])
async def test_a_session_does_not_end_its_own_transaction(counter: Database, ending: str) -> None:
    async def body(session: Session) -> None:
        await raise_by_one(session)
        await getattr(session, ending)()

    with pytest.raises(RuntimeError, match="only the unit of work"):
        await counter.run(body)

    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 0


async def test_a_session_used_as_a_block_does_not_end_its_transaction_either(counter: Database) -> None:
    async def body(session: Session) -> None:
        async with session:
            await raise_by_one(session)

    with pytest.raises(RuntimeError, match="only the unit of work"):
        await counter.run(body)

    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 0


async def test_a_snapshot_is_one_state_while_somebody_else_commits(counter: Database) -> None:
    read = text("SELECT n FROM counters WHERE name = 'a'")
    async with counter.snapshot() as session:
        first = (await session.execute(read)).scalar()
        await counter.run(raise_by_one)
        second = (await session.execute(read)).scalar()

    assert (first, second) == (0, 0)
    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 1


async def test_writing_in_a_snapshot_does_not_last(counter: Database) -> None:
    with contextlib.suppress(DBAPIError):
        async with counter.snapshot() as session:
            await session.execute(text("UPDATE counters SET n = 9"))

    await counter.run(raise_by_one)

    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 1
