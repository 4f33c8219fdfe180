"""How Alembic reaches the database: through Seatgate's own engine, so that SQLite's DDL is transactional too."""

import asyncio
import os
from typing import cast

from alembic import context
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import AdaptedConnection, DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from domain.db import Base, open_database
from domain.db.migrating import register_tables
from domain.settings import DATABASE_URL, PREFIX

ONE_MIGRATOR = 7_283_671_906_412_553
register_tables()


def let_tables_be_rebuilt(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """SQLite changes a table by making it anew; with foreign keys on, dropping the old one would take rows along.

    That takes as long as the table is large, so no time limit holds here.
    """
    cast("AdaptedConnection", connection).run_async(lambda driver: driver.set_progress_handler(None, 0))
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = off")
    cursor.close()


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Two processes that migrate at once take turns; SQLite's write lock does the same.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ONE_MIGRATOR})"))
        context.run_migrations()
        if connection.dialect.name == "sqlite":
            lost = connection.execute(text("PRAGMA foreign_key_check")).all()
            assert not lost, f"rows without their parents: {lost}"


async def online() -> None:
    url = context.config.attributes.get("url") or os.environ.get(f"{PREFIX}DATABASE_URL", DATABASE_URL)
    database = open_database(url)
    if database.dialect == "sqlite":
        event.listen(database.engine.sync_engine, "connect", let_tables_be_rebuilt)
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await database.aclose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(online())
