"""Migrations that make a table anew keep its rows and those that point at them, up and down."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.db import migrating, open_database
from tests.support.databases import Engine
from tests.support.tables import dump, execute

ROWS = {
    "users (id, issuer, subject, created_at)": "('usr_1', 'i', 'one', {now}), ('usr_2', 'i', 'two', {now})",
    "organizations (id, slug, name, external_id, created_at, updated_at)": (
        "('org_1', 'acme', 'Acme', 'crm-1', {now}, {now}), ('org_2', 'apex', 'Apex', NULL, {now}, {now})"
    ),
    "memberships (id, organization_id, user_id, role, joined_at)": (
        "('mem_1', 'org_1', 'usr_1', 'OWNER', {now}), ('mem_2', 'org_1', 'usr_2', 'MEMBER', {now}),"
        " ('mem_3', 'org_2', 'usr_2', 'OWNER', {now})"
    ),
    "customers (id, owner_kind, owner_id, created_at)": "('cst_1', 'organization', 'org_1', {now})",
}


async def _fill(url: str) -> None:
    database = open_database(url)
    now = "'2026-11-21 12:00:00.000000" + ("'" if database.dialect == "sqlite" else "+00'")
    for table, values in ROWS.items():
        await execute(database, f"INSERT INTO {table} VALUES {values.format(now=now)}")
    await database.aclose()


async def _dump(url: str) -> dict[str, list[str]]:
    database = open_database(url)
    found = await dump(database)
    await database.aclose()
    return found


async def _living(url: str) -> list[str]:
    """Read the organizations with their members, as they stand after the migration."""
    database = open_database(url)
    query = "SELECT o.id, m.id FROM organizations o JOIN memberships m ON m.organization_id = o.id"
    query += " WHERE o.deleted_at IS NULL AND o.restorable_until IS NULL AND o.purge_at IS NULL ORDER BY m.id"
    async with database.snapshot() as session:
        found = [" ".join(row) for row in await session.execute(text(query))]
    await database.aclose()
    return found


@pytest.mark.parametrize("newer", ["0011", "head"])
def test_letting_organizations_be_deleted_loses_no_row_on_the_way_up_or_down(
    engine: Engine, tmp_path: Path, newer: str
) -> None:
    url = engine.fresh(tmp_path, empty=True)
    migrating.upgrade(url, to="0010")
    asyncio.run(_fill(url))
    before = asyncio.run(_dump(url))

    migrating.upgrade(url, to=newer)
    living = asyncio.run(_living(url))
    migrating.downgrade(url, to="0010")
    after = asyncio.run(_dump(url))

    assert living == ["org_1 mem_1", "org_1 mem_2", "org_2 mem_3"]
    assert {**before, "alembic_version": []} == {**after, "alembic_version": []}
    assert [len(before[name]) for name in ("users", "organizations", "memberships", "customers")] == [2, 2, 3, 1]


def test_who_is_closing_counts_as_closing_from_the_start(engine: Engine, tmp_path: Path) -> None:
    url = engine.fresh(tmp_path, empty=True)
    migrating.upgrade(url, to="0026")
    asyncio.run(_fill(url))
    asyncio.run(_close(url))
    before = asyncio.run(_dump(url))

    migrating.upgrade(url, to="0027")
    migrated = asyncio.run(_dump(url))["customer_closings"]
    migrating.downgrade(url, to="0026")

    assert len(migrated) == 1
    assert "'cst_2'" in migrated[0]
    assert "2026-11-20" in migrated[0].replace("datetime.datetime(2026, 11, 20", "2026-11-20")
    assert asyncio.run(_dump(url)) == before


async def _close(url: str) -> None:
    database = open_database(url)
    zone = "" if database.dialect == "sqlite" else "+00"
    made, closing = (f"'2026-11-{day} 12:00:00.000000{zone}'" for day in (20, 30))
    values = f"('cst_2', 'organization', 'org_2', {made}, {closing})"
    await execute(database, f"INSERT INTO customers (id, owner_kind, owner_id, created_at, closing_at) VALUES {values}")
    await database.aclose()


def test_letting_programs_act_loses_nothing_that_people_began_and_goes_on_with_what_programs_began(
    engine: Engine, tmp_path: Path
) -> None:
    url = engine.fresh(tmp_path, empty=True)
    migrating.upgrade(url, to="0030")
    asyncio.run(_fill(url))
    asyncio.run(_invite(url, "inv_1", by="user"))
    before = asyncio.run(_dump(url))

    migrating.upgrade(url, to="0031")
    asyncio.run(_invite(url, "inv_2", by="api_key"))
    migrating.downgrade(url, to="0030")
    after = asyncio.run(_dump(url))

    kept = after.pop("invitations")
    assert kept[0] == before.pop("invitations")[0]
    assert "'inv_2'" in kept[1]
    assert "'system'" in kept[1]
    assert after == before
    with pytest.raises(DBAPIError, match="invited_by_kind"):
        asyncio.run(_invite(url, "inv_3", by="api_key"))


async def _invite(url: str, id: str, *, by: str) -> None:
    database = open_database(url)
    now = "'2026-11-21 12:00:00.000000" + ("'" if database.dialect == "sqlite" else "+00'")
    columns = "id, organization_id, email, role, status, invited_by_kind, invited_by_id, nonce, created_at, expires_at"
    values = f"'{id}', 'org_1', '{id}@example.com', 'MEMBER', 'pending', '{by}', 'who', 'n', {now}, {now}"
    try:
        await execute(database, f"INSERT INTO invitations ({columns}) VALUES ({values})")
    finally:
        await database.aclose()
