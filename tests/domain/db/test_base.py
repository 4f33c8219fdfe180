"""Instants mean the same on both engines, and keys compare byte by byte."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from domain import outbox
from domain.db import Database
from domain.outbox import OutboxMessage
from tests.support.tables import execute, scalar

EAST = timezone(timedelta(hours=5, minutes=30))


async def test_an_instant_comes_back_in_utc_with_its_microseconds(database: Database) -> None:
    at = datetime(2026, 3, 29, 3, 0, 0, 123456, tzinfo=EAST)
    async with database.transaction() as session:
        session.add(OutboxMessage(topic="t", key="k", payload={}, created_at=at, due_at=None))

    async with database.snapshot() as session:
        found = await session.get_one(OutboxMessage, 1)

    assert (found.created_at, found.created_at.tzinfo, found.due_at) == (at, UTC, None)


async def test_an_instant_without_an_offset_is_refused(database: Database) -> None:
    naive = datetime(2026, 3, 29, 3)  # noqa: DTZ001 - the fault in question

    with pytest.raises(StatementError, match="needs an offset"):
        await database.run(lambda session: outbox.put(session, topic="t", key="k", payload={}, at=naive))


async def test_keys_are_sorted_byte_by_byte(database: Database) -> None:
    rows = [
        f"INSERT INTO seat_pools (organization_id, used) VALUES ('{id}', 0)" for id in ("b", "B", "a", "é", "_", "0")
    ]
    await execute(database, *rows)

    ordered = "SELECT organization_id AS id FROM seat_pools ORDER BY organization_id"
    joined = "group_concat(id, '')" if database.dialect == "sqlite" else "string_agg(id, '')"
    assert await scalar(database, f"SELECT {joined} FROM ({ordered}) AS ordered") == "0B_abé"
