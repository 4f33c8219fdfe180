"""Databases that refuse: triggers which a test puts in the way of an insert and takes away again."""

from sqlalchemy import text

from domain.db import Database

FAILURE = "RAISE EXCEPTION 'refused by the test'"
LOST_RACE_ONCE = """
    IF nextval('races') = 1 THEN RAISE EXCEPTION 'lost by the test' USING ERRCODE = '40001'; END IF;
    RETURN NEW;
"""


async def refuse_inserts(database: Database, table: str) -> None:
    if database.dialect == "sqlite":
        await _run(
            database, f"CREATE TRIGGER refused BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'by the test'); END"
        )
        return
    await _on_insert(database, table, FAILURE + ";")


async def lose_one_race(database: Database, table: str) -> None:
    """Make PostgreSQL report a serialization failure at the first insert, which a sequence survives."""
    await _run(database, "CREATE SEQUENCE races")
    await _on_insert(database, table, LOST_RACE_ONCE)


async def accept_inserts(database: Database, table: str) -> None:
    await _run(database, "DROP TRIGGER refused" + ("" if database.dialect == "sqlite" else f" ON {table}"))


async def _on_insert(database: Database, table: str, body: str) -> None:
    await _run(
        database,
        f"CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER refused BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refused()",
    )


async def _run(database: Database, *statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))
