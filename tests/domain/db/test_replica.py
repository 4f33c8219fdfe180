"""A replica: read while it is fit, passed over while it is not, and never the cause of an error."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from domain.db import Database, Replica, Session, open_database, open_replica
from domain.errors import Unavailable
from domain.telemetry import Telemetry
from tests.support.databases import PostgreSQL
from tests.support.postgres import SWITCHES, server, standby
from tests.support.statements import statements
from tests.support.tables import execute, scalar

NOWHERE = "postgresql+asyncpg://postgres@127.0.0.1:1/seatgate"
HERE, THERE = "of the primary", "of the copy"


async def shelf(session: Session) -> str:
    """Say which database is read."""
    return str((await session.execute(text("SELECT book FROM shelf"))).scalar_one())


async def stock(database: Database, book: str, version: str = "0001") -> None:
    await execute(
        database,
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)",
        f"INSERT INTO alembic_version VALUES ('{version}')",
        "CREATE TABLE shelf (book text NOT NULL)",
        f"INSERT INTO shelf VALUES ('{book}')",
    )


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = open_database(url)
    yield database
    await database.aclose()


@dataclass(frozen=True, slots=True)
class Pair:
    """A database, another one with other content in the place of its copy, and the replica that reads them."""

    primary: Database
    copy: Database
    replica: Replica

    @property
    def name(self) -> str:
        """The copy's, as its server knows it."""
        return str(self.copy.engine.url.database)

    @property
    def behind(self) -> Database:
        """The copy, as the replica holds it."""
        assert self.replica._copy is not None
        return self.replica._copy

    async def reads(self) -> str:
        return await self.replica.read(shelf)


@pytest.fixture
async def pair(postgresql: PostgreSQL, tmp_path: Path) -> AsyncIterator[Pair]:
    url = postgresql.fresh(tmp_path, empty=True)
    async with opened(postgresql.fresh(tmp_path, empty=True)) as primary, opened(url) as copy:
        await stock(primary, HERE)
        await stock(copy, THERE)
        replica = open_replica(url, primary=primary)
        yield Pair(primary, copy, replica)
        await replica.aclose()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List what operators were told of the replica."""
    return [
        message.removeprefix("signal replica_passed_over cause=")
        for name, level, message in caplog.record_tuples
        if name in {"seatgate.signals", "domain.db.replica"} and level >= logging.WARNING
    ]


async def eventually(read: Callable[[], Awaitable[Any]], wanted: object) -> None:
    async with asyncio.timeout(60):
        while True:
            if await read() == wanted:
                return
            await asyncio.sleep(0.01)


async def test_a_copy_is_read_once_it_has_been_found_fit_and_not_before(pair: Pair) -> None:
    before = await pair.reads()
    await pair.replica.look()

    assert (before, await pair.reads()) == (HERE, THERE)


async def test_without_an_address_the_database_itself_is_read(database: Database) -> None:
    await execute(database, "CREATE TABLE shelf (book text)", "INSERT INTO shelf VALUES ('only')")
    replica = open_replica(None, primary=database)
    await replica.look()
    await replica.run()

    assert await replica.read(shelf) == "only"


async def test_nothing_is_written_through_a_replica(pair: Pair) -> None:
    await pair.replica.look()

    async def write(session: Session) -> None:
        await session.execute(text("UPDATE shelf SET book = 'another'"))

    with pytest.raises(DBAPIError, match="read-only transaction"):
        await pair.replica.read(write)
    assert [await scalar(each, "SELECT book FROM shelf") for each in (pair.primary, pair.copy)] == [HERE, THERE]
    assert await scalar(pair.behind, "SHOW default_transaction_read_only") == "on"


async def test_what_fails_everywhere_is_no_fault_of_the_copys(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    await pair.replica.look()

    async def nonsense(session: Session) -> None:
        await session.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await pair.replica.read(nonsense)
    assert await pair.reads() == THERE
    assert told(caplog) == []


async def test_a_copy_that_goes_in_the_middle_of_a_read_costs_nobody_an_answer(
    pair: Pair, postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    await pair.replica.look()
    await pair.copy.aclose()
    under_way, gone = asyncio.Event(), asyncio.Event()

    async def slowly(session: Session) -> list[str]:
        first = await shelf(session)
        under_way.set()
        await gone.wait()
        return [first, await shelf(session)]

    reading = asyncio.create_task(pair.replica.read(slowly))
    await under_way.wait()
    postgresql.sql(f"DROP DATABASE {pair.name} WITH (FORCE)")
    gone.set()

    assert await reading == [HERE, HERE]
    assert await asyncio.gather(*(pair.reads() for _ in range(20))) == [HERE] * 20
    await pair.replica.look()
    assert await pair.reads() == HERE
    assert told(caplog) == ["failed"]


async def test_a_copy_that_has_come_back_is_read_again(
    pair: Pair, postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    await pair.replica.look()
    await pair.copy.aclose()
    postgresql.sql(f"ALTER DATABASE {pair.name} ALLOW_CONNECTIONS false")
    postgresql.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{pair.name}'")
    away = await pair.reads()
    postgresql.sql(f"ALTER DATABASE {pair.name} ALLOW_CONNECTIONS true")
    still = await pair.reads()
    await pair.replica.look()

    assert (away, still, await pair.reads()) == (HERE, HERE, THERE)
    assert told(caplog) == ["failed", "the replica is read again"]


async def test_a_copy_that_keeps_readers_waiting_keeps_one_waiting(pair: Pair) -> None:
    await pair.replica.look()
    async with pair.copy.transaction() as session:
        await session.execute(text("LOCK TABLE shelf IN ACCESS EXCLUSIVE MODE"))
        first = await pair.reads()
        with statements(pair.behind) as sent:
            others = [await pair.reads() for _ in range(5)]

    assert [first, *others] == [HERE] * 6
    assert sent == []


async def test_nobody_waits_for_a_look_at_a_copy_that_does_not_answer(pair: Pair) -> None:
    asked, enough = asyncio.Event(), asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await enough.wait()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    replica = open_replica(f"postgresql+asyncpg://postgres@127.0.0.1:{port}/seatgate", primary=pair.primary)
    looking = asyncio.create_task(replica.look())
    await asked.wait()

    assert await replica.read(shelf) == HERE
    assert not looking.done()
    enough.set()
    await looking
    await replica.aclose()
    listener.close()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "other_migration"),
        ("DELETE FROM alembic_version", "failed"),
        ("DROP TABLE alembic_version", "failed"),
    ],
)
async def test_a_copy_at_another_migration_is_passed_over_and_told_of_once(
    pair: Pair, caplog: pytest.LogCaptureFixture, change: str, cause: str
) -> None:
    await execute(pair.copy, change)
    for _ in range(3):
        await pair.replica.look()

        assert await pair.reads() == HERE
    assert told(caplog) == [cause]


async def test_a_copy_that_lacks_a_table_is_passed_over(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    await pair.replica.look()
    await execute(pair.copy, "DROP TABLE shelf")

    assert await pair.reads() == HERE
    assert told(caplog) == ["failed"]


async def test_a_copy_that_is_away_from_the_beginning_is_told_of_once(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    replica = open_replica(NOWHERE, primary=pair.primary)
    for _ in range(3):
        await replica.look()

        assert await replica.read(shelf) == HERE
    assert told(caplog) == ["failed"]
    await replica.aclose()


async def test_while_the_primary_is_away_nothing_is_said_against_the_copy(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(NOWHERE) as away:
        replica = Replica(away, pair.behind)
        await replica.look()

        with pytest.raises(Unavailable):
            await replica.read(shelf)
    assert told(caplog) == []


async def test_passing_over_is_counted(pair: Pair) -> None:
    telemetry = Telemetry()
    pair.primary.telemetry = telemetry
    replica = open_replica(NOWHERE, primary=pair.primary)
    await replica.look()
    await replica.look()

    found = telemetry.registry.get_sample_value("seatgate_replica_passed_over_total", {"cause": "failed"})
    assert found == 1
    await replica.aclose()


async def test_who_no_longer_looks_no_longer_reads_the_copy(pair: Pair) -> None:
    running = asyncio.create_task(pair.replica.run())
    await eventually(pair.reads, THERE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert await pair.reads() == HERE


async def test_closing_leaves_no_connection_to_the_copy(pair: Pair) -> None:
    await pair.copy.aclose()
    await pair.replica.look()
    await pair.reads()
    connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = :name"
    before = await scalar(pair.primary, connected, name=pair.name)
    await pair.replica.aclose()

    assert before == 1
    await eventually(lambda: scalar(pair.primary, connected, name=pair.name), 0)
    assert await pair.reads() == HERE


async def test_one_of_several_hosts_is_enough(pair: Pair) -> None:
    url = pair.copy.engine.url
    hosts = ("127.0.0.1:1", f"{url.query['host']}:5432")
    several = url.update_query_dict({"host": hosts}).render_as_string(hide_password=False)
    replica = open_replica(several, primary=pair.primary)
    await replica.look()

    assert await replica.read(shelf) == THERE
    await replica.aclose()


async def test_a_schema_in_the_address_is_where_the_copy_is_read(pair: Pair) -> None:
    await execute(
        pair.copy,
        "CREATE SCHEMA aside",
        "CREATE TABLE aside.alembic_version AS SELECT * FROM alembic_version",
        "CREATE TABLE aside.shelf AS SELECT 'aside' AS book",
    )
    url = make_url(pair.copy.engine.url).update_query_dict({"schema": "aside"})
    replica = open_replica(url.render_as_string(hide_password=False), primary=pair.primary)
    await replica.look()

    assert await replica.read(shelf) == "aside"
    await replica.aclose()


async def standing_by(session: Session) -> bool:
    """Say whether a standby is read."""
    return bool((await session.execute(text("SELECT pg_is_in_recovery()"))).scalar_one())


async def follows(replica: Replica) -> None:
    """Look until the standby keeps up."""
    async with asyncio.timeout(60):
        while not await replica.read(standing_by):
            await asyncio.sleep(0.05)
            await replica.look()


async def test_a_standby_is_read_while_it_follows_and_passed_over_while_it_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # What is committed is written to the log at once, and not a moment later as in other tests.
    with server(switches=f"{SWITCHES} -c synchronous_commit=on") as first:
        async with opened(first.url("postgres")) as primary:
            await stock(primary, "old")
            with standby(first) as second, second.administrator() as sql:
                replica = open_replica(second.url("postgres"), primary=primary)
                await follows(replica)
                caplog.clear()
                sql("SELECT pg_wal_replay_pause()")
                await execute(primary, "UPDATE shelf SET book = 'new'")
                # It must hold what the primary held one look before.
                await replica.look()
                await replica.look()
                passed_over = [await replica.read(standing_by), await replica.read(shelf)]
                sql("SELECT pg_wal_replay_resume()")
                await follows(replica)

                assert passed_over == [False, "new"]
                assert await replica.read(shelf) == "new"
                assert told(caplog) == ["behind", "the replica is read again"]
                await replica.aclose()
