"""Lookups: one statement past the sessions, over what was committed last."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, select, text

from domain.billing import Customer, OwnerKind
from domain.db import Database, Lookup, open_database
from domain.errors import Unavailable
from tests.support.databases import let_threads_end
from tests.support.tables import execute

OWNED = Lookup(select(*Customer.__table__.columns).where(Customer.owner_id == bindparam("owner")))
NOON = datetime(2026, 11, 21, 12, 0, 0, 5, tzinfo=UTC)


async def customer(database: Database, id: str, owner: str) -> None:
    async with database.transaction() as session:
        session.add(Customer(id=id, owner_kind=OwnerKind.USER, owner_id=owner, created_at=NOON))


async def test_it_reads_columns_as_their_types_do_and_sees_what_was_committed_last(database: Database) -> None:
    assert await database.look_up(OWNED, owner="usr_1") == []

    await customer(database, "cst_1", "usr_1")

    assert await database.look_up(OWNED, owner="usr_1") == [("cst_1", OwnerKind.USER, "usr_1", NOON, None)]


async def test_it_does_not_see_what_is_not_committed(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Customer(id="cst_1", owner_kind=OwnerKind.USER, owner_id="usr_1", created_at=NOON))
        await session.flush()

        assert await database.look_up(OWNED, owner="usr_1") == []


async def test_values_are_values_and_never_sql(database: Database) -> None:
    await customer(database, "cst_1", "usr_1")

    assert await database.look_up(OWNED, owner="' OR '1' = '1") == []


async def test_it_finds_a_new_connection_when_the_server_has_cut_the_old_ones(database: Database) -> None:
    await customer(database, "cst_1", "usr_1")
    await database.look_up(OWNED, owner="usr_1")
    if database.dialect == "postgresql":
        async with database.snapshot() as session:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            await session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))

    assert len(await database.look_up(OWNED, owner="usr_1")) == 1


async def test_a_table_that_is_gone_is_unavailable_and_not_a_no(database: Database) -> None:
    await execute(database, "ALTER TABLE customers RENAME TO customers_away")

    with pytest.raises(Unavailable):
        await database.look_up(OWNED, owner="usr_1")


async def test_a_database_that_is_away_is_unavailable() -> None:
    database = open_database("sqlite+aiosqlite:////nowhere/at/all/seatgate.db")

    with pytest.raises(Unavailable):
        await database.look_up(OWNED, owner="usr_1")

    await let_threads_end(database)
