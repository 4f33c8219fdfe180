"""What stands in the database: every row of every table, to show that a refusal left nothing."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Connection, Inspector, inspect, text

from domain.db import Database

# What the worker makes of events that are there already, whenever it comes round.
SEALING = {
    "audit_seals",
    "audit_unsealed",
    "audit_forwarders",
    "drift_reports",
    "event_cursors",
    "reconcile_turns",
}
# Tries are counted whatever becomes of what is tried.
COUNTING = {"rate_counts"}
# Written behind the requests' backs, whatever becomes of them.
NOTED = {"api_keys": "last_used_at"}


async def dump(database: Database) -> dict[str, list[str]]:
    """Read every row of every table, a host's own tables included, but what happens to be sealed, counted or noted."""
    async with database.connection() as connection:
        return await connection.run_sync(_dump)


def _dump(connection: Connection) -> dict[str, list[str]]:
    found = inspect(connection)
    names = set(found.get_table_names()) - SEALING - COUNTING
    statements = {name: text(f'SELECT {_columns(found, name)} FROM "{name}"') for name in names}
    return {name: sorted(map(repr, connection.execute(statement))) for name, statement in statements.items()}


def _columns(found: Inspector, name: str) -> str:
    if name not in NOTED:
        return "*"
    return ", ".join(column["name"] for column in found.get_columns(name) if column["name"] != NOTED[name])


@contextlib.asynccontextmanager
async def unchanged(database: Database) -> AsyncIterator[None]:
    """Hold that the block changes no row of any table."""
    before = await dump(database)
    yield
    assert await dump(database) == before


def changes(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Count the rows that went and came between two dumps, for each table where any did."""
    counted = {
        name: (len(set(before[name]) - set(after[name])), len(set(after[name]) - set(before[name]))) for name in after
    }
    return {name: counts for name, counts in counted.items() if counts != (0, 0)}


async def execute(database: Database, *statements: str) -> None:
    """Run plain SQL in one transaction."""
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def scalar(database: Database, query: str, **values: object) -> Any:
    """Read one value with plain SQL."""
    async with database.snapshot() as session:
        return (await session.execute(text(query), values)).scalar()
