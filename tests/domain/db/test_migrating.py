from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.db import Database, migrating, open_database
from tests.support.databases import Engine, let_threads_end


def test_migrations_go_up_and_down_and_up_again_and_match_the_tables(engine: Engine, tmp_path: Path) -> None:
    url = engine.fresh(tmp_path, empty=True)

    migrating.upgrade(url)
    migrating.downgrade(url)
    migrating.upgrade(url)

    migrating.check(url)


async def test_a_fresh_database_is_at_the_newest_migration(database: Database) -> None:
    assert await migrating.current(database) == migrating.head()


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("audit_events", "occurred_at"),
        ("audit_seals", "seal"),
        ("customer_closings", "at"),
        ("subscription_facts", "occurred_at"),
    ],
)
@pytest.mark.parametrize("deed", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"])
async def test_the_ledger_and_what_was_learned_refuse_to_be_changed(
    database: Database, table: str, column: str, deed: str
) -> None:
    await _fill(database)

    with pytest.raises(DBAPIError, match="append-only"):
        async with database.transaction() as session:
            await session.execute(text(deed.format(table, column)))


async def _fill(database: Database) -> None:
    """SQLite's triggers fire for rows only, so there must be one."""
    now = "'2026-11-21 12:00:00.000000'"
    rows = {
        "customers (id, owner_kind, owner_id, created_at)": f"'cst_1', 'user', 'usr_1', {now}",
        "customer_closings (customer_id, closing, at)": f"'cst_1', true, {now}",
        "billing_subscriptions (id, customer_id, processor, livemode, processor_id, status, state, last_fact_at,"
        " fetch_owed, fetch_attempts, version, created_at)": "'bsb_1', 'cst_1', 'fake', false, 'sub_1', 'active', '{}',"
        f" {now}, false, 0, 1, {now}",
        "subscription_facts (subscription_id, source, event_id, rank, occurred_at, arrived_at, recorded_at, state)": (
            f"'bsb_1', 'event', 'evt_1', 1, {now}, {now}, {now}, '{{}}'"
        ),
        "audit_events (id, occurred_at, action, actor_kind, actor_id, subject_id)": (
            f"'aud_1', {now}, 'a', 'user', 'usr_1', 'usr_1'"
        ),
        "audit_seals (sequence, audit_event_id, seal)": "1, 'aud_1', '00'",
    }
    async with database.transaction() as session:
        for table, values in rows.items():
            await session.execute(text(f"INSERT INTO {table} VALUES ({values})"))


async def test_the_database_refuses_settings_that_did_not_take(database: Database) -> None:
    await database.verify()


async def test_an_opened_database_that_is_not_there_says_so(tmp_path: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{tmp_path}/missing/seatgate.db")

    with pytest.raises(DBAPIError):
        await migrating.current(database)
    await let_threads_end(database)
