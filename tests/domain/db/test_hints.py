"""Hints: heard after the commit of what they are about, in this process, and over PostgreSQL in every other."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from domain.db import Database, Session, open_database
from domain.db.line import APPLICATION, MOST_TOLD, MOST_WAITING
from tests.support.databases import PostgreSQL
from tests.support.hearing import PATIENCE
from tests.support.tables import execute, scalar

CUT = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{APPLICATION}'"


class Ear:
    """Hears hints and keeps them."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[Collection[str] | None] = asyncio.Queue()

    def __call__(self, ids: Collection[str] | None) -> None:
        self._heard.put_nowait(ids)

    async def next(self) -> set[str] | None:
        async with asyncio.timeout(PATIENCE):
            ids = await self._heard.get()
        return None if ids is None else set(ids)

    @property
    def silent(self) -> bool:
        return self._heard.empty()


async def touch(database: Database, *ids: str) -> None:
    async with database.transaction() as session:
        session.touched(*ids)


@asynccontextmanager
async def two(postgresql: PostgreSQL, tmp_path: Path) -> AsyncIterator[tuple[Database, Database, Ear]]:
    """Open one database twice, as two processes do; the second one listens, and has begun to."""
    url, ear = postgresql.fresh(tmp_path), Ear()
    async with AsyncExitStack() as stack:
        first, second = open_database(url), open_database(url)
        stack.push_async_callback(first.aclose)
        stack.push_async_callback(second.aclose)
        stack.enter_context(second.hints.listening(ear))
        assert await ear.next() is None
        yield first, second, ear


async def test_a_hint_is_heard_after_its_commit_and_not_before(database: Database) -> None:
    ear = Ear()
    with database.hints.listening(ear):
        async with database.transaction() as session:
            session.touched("org_1", "cst_1")
            session.touched("org_1")
            assert ear.silent
        heard = [await ear.next()]
        while heard[-1] is None:
            heard.append(await ear.next())

    assert heard[-1] == {"org_1", "cst_1"}


async def test_what_is_rolled_back_is_hinted_at_nowhere(database: Database) -> None:
    async def refused(session: Session) -> None:
        session.touched("org_1")
        raise LookupError

    ear = Ear()
    with database.hints.listening(ear):
        with pytest.raises(LookupError):
            await database.run(refused)
        await touch(database, "org_2")
        heard = [await ear.next()]
        while heard[-1] is None:
            heard.append(await ear.next())

    assert heard[-1] == {"org_2"}


async def test_nobody_hears_any_more_who_has_stopped_listening(database: Database) -> None:
    ear = Ear()
    with database.hints.listening(ear):
        pass
    await touch(database, "org_1")

    assert ear.silent


class TestBetweenProcesses:
    async def test_another_process_hears_it(self, postgresql: PostgreSQL, tmp_path: Path) -> None:
        async with two(postgresql, tmp_path) as (first, _, ear):
            await touch(first, "org_1", "cst_1")

            assert await ear.next() == {"org_1", "cst_1"}

    async def test_ones_own_are_heard_once(self, postgresql: PostgreSQL, tmp_path: Path) -> None:
        async with two(postgresql, tmp_path) as (first, second, ear):
            await touch(second, "org_1")
            assert await ear.next() == {"org_1"}
            await touch(first, "org_2")

            assert await ear.next() == {"org_2"}

    async def test_many_go_into_several_notifications(self, postgresql: PostgreSQL, tmp_path: Path) -> None:
        ids = {f"org_{number:032}" for number in range(2 * MOST_TOLD + 1)}
        async with two(postgresql, tmp_path) as (first, _, ear):
            await touch(first, *ids)
            heard = [await ear.next() or set() for _ in range(3)]

        assert set.union(*heard) == ids

    async def test_of_too_many_it_is_only_said_that_there_are_many(
        self, postgresql: PostgreSQL, tmp_path: Path
    ) -> None:
        async with two(postgresql, tmp_path) as (first, _, ear):
            await touch(first, *(f"org_{number}" for number in range(MOST_WAITING + 1)))

            assert await ear.next() is None

    async def test_a_line_that_is_cut_is_laid_again_and_its_listener_told_to_look_everywhere(
        self, postgresql: PostgreSQL, tmp_path: Path
    ) -> None:
        async with two(postgresql, tmp_path) as (first, second, ear):
            await touch(first, "org_1")
            await ear.next()
            await execute(second, CUT)
            again = await ear.next()
            while (heard := await hinted(first, ear)) is None:
                """The other end may have been cut too, and says nothing until it is back."""

        assert again is None
        assert heard == {"org_2"}

    async def test_a_line_that_leads_nowhere_keeps_nobody_from_writing(
        self, postgresql: PostgreSQL, tmp_path: Path
    ) -> None:
        nowhere = "postgresql+asyncpg://postgres@/seatgate?host=/nowhere"
        database, ear = open_database(postgresql.fresh(tmp_path), listen_url=nowhere), Ear()
        with database.hints.listening(ear):
            await touch(database, "org_1")

            assert await ear.next() == {"org_1"}
        await database.aclose()

    async def test_who_tells_nothing_and_hears_nothing_holds_no_line(
        self, postgresql: PostgreSQL, tmp_path: Path
    ) -> None:
        database = open_database(postgresql.fresh(tmp_path))
        async with database.transaction():
            pass

        held = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{APPLICATION}'"
        assert await scalar(database, f"{held} AND datname = current_database()") == 0
        await database.aclose()


async def hinted(database: Database, ear: Ear) -> set[str] | None:
    """Touch something, and give what is heard within a second."""
    await touch(database, "org_2")
    try:
        async with asyncio.timeout(1):
            return await ear.next()
    except TimeoutError:
        return None
