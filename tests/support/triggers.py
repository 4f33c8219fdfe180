"""Databases that refuse: triggers which a test puts in the way of a write and takes away again."""

from sqlalchemy import text

from domain.db import Database

FAILURE = "RAISE EXCEPTION 'refused by the test'"
LOSE_A_RACE = "RAISE EXCEPTION 'lost by the test' USING ERRCODE = '40001'"
LOSE_THE_CONNECTION = "PERFORM pg_terminate_backend(pg_backend_pid())"


async def refuse_inserts(database: Database, table: str, *, deed: str = "INSERT") -> None:
    """Refuse inserts, or what else the deed is."""
    if database.dialect == "sqlite":
        await _run(
            database, f"CREATE TRIGGER refused BEFORE {deed} ON {table} BEGIN SELECT RAISE(ABORT, 'by the test'); END"
        )
        return
    await _before(database, table, FAILURE + ";", deed=deed)


async def fail_once(database: Database, table: str, how: str) -> None:
    """Let PostgreSQL's first insert fail in a way of its own; a sequence remembers, whatever is rolled back."""
    await _run(database, "CREATE SEQUENCE inserts")
    await _before(database, table, f"IF nextval('inserts') = 1 THEN {how}; END IF; RETURN NEW;")


async def accept_inserts(database: Database, table: str) -> None:
    await _run(database, "DROP TRIGGER refused" + ("" if database.dialect == "sqlite" else f" ON {table}"))


async def _before(database: Database, table: str, body: str, *, deed: str = "INSERT") -> None:
    await _run(
        database,
        f"CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER refused BEFORE {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION refused()",
    )


async def _run(database: Database, *statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))
