"""Every row of every table, to tell what a command has changed and, above all, what it has not."""

from sqlalchemy import select

from domain.db import Base, Database, migrating

Rows = set[str]


async def everything(database: Database) -> dict[str, Rows]:
    """Read all tables at one instant; a row is the text of its columns."""
    migrating.register_tables()
    async with database.snapshot() as session:
        return {
            table.name: {repr(tuple(row)) for row in (await session.execute(select(table))).all()}
            for table in Base.metadata.sorted_tables
        }


def changes(before: dict[str, Rows], after: dict[str, Rows]) -> dict[str, tuple[int, int]]:
    """Count the rows that went and came, for each table where any did."""
    counted = {name: (len(before[name] - after[name]), len(after[name] - before[name])) for name in after}
    return {name: counts for name, counts in counted.items() if counts != (0, 0)}
