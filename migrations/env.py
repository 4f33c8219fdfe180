"""How Alembic reaches the database: through Seatgate's own engine, so that SQLite's DDL is transactional too."""

import asyncio
import os

from alembic import context
from domain.settings import DATABASE_URL, PREFIX
from sqlalchemy import Connection, text

from domain.db import Base, open_database
from domain.db.migrating import register_tables

ONE_MIGRATOR = 7_283_671_906_412_553
register_tables()


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


async def online() -> None:
    url = context.config.attributes.get("url") or os.environ.get(f"{PREFIX}DATABASE_URL", DATABASE_URL)
    database = open_database(url)
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
