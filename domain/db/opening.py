"""How a database is opened on either engine, and how a copy of one that is only ever read."""

from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from domain.db import sqlite, sqlite_driver
from domain.db.engine import POOL_SIZE, Database
from domain.db.hints import Hints
from domain.db.line import Line
from domain.db.lookup import PostgresqlReader, SqliteReader
from domain.db.replica import Replica
from domain.telemetry import Telemetry

POOL_SECONDS = 10
POSTGRESQL_OPTIONS: dict[str, Any] = {
    "timeout": 3,
    "command_timeout": 6,
    "server_settings": {
        "lock_timeout": "2000",
        "statement_timeout": "5000",
        "idle_in_transaction_session_timeout": "10000",
    },
}
REPLICA_POOL_SECONDS = 1
# The database itself can answer in its place, so nobody waits long for a replica.
REPLICA_OPTIONS: dict[str, Any] = {
    "timeout": 2,
    "command_timeout": 3,
    "server_settings": {
        "lock_timeout": "1000",
        "statement_timeout": "2000",
        "idle_in_transaction_session_timeout": "10000",
        "default_transaction_read_only": "on",
    },
}


def open_database(url: str, *, listen_url: str | None = None, telemetry: Telemetry | None = None) -> Database:
    """Make the engine for `sqlite+aiosqlite://…` or `postgresql+asyncpg://…`; nothing is connected yet.

    On PostgreSQL, `?schema=name` in the address lets every table be found and made in that schema and in no other, and
    hints go over a connection to `listen_url`, which leads past every pooler; by default it is the same address.
    What transactions tell operators goes to `telemetry`, by default to one of the database's own.
    """
    if make_url(url).get_backend_name() == "postgresql":
        address, options = _in_schema(make_url(url), POSTGRESQL_OPTIONS)
        engine = create_async_engine(
            address,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=options,
        )
        line = Line(*_in_schema(make_url(listen_url or url), POSTGRESQL_OPTIONS))
        return Database(engine, PostgresqlReader(engine, options), telemetry=telemetry, hints=Hints(line))
    engine = create_async_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
        async_creator=sqlite_driver.opener(make_url(url), busy_seconds=sqlite.BUSY_SECONDS),
    )
    sqlite.prepare(engine.sync_engine)
    return Database(engine, SqliteReader(engine), telemetry=telemetry)


def open_replica(url: str | None, *, primary: Database) -> Replica:
    """Make the replica of a database on PostgreSQL; without an address the database is read in its place.

    Nothing is connected yet. The address is taken as `open_database` takes it; transactions there only read.
    """
    if url is None:
        return Replica(primary)
    address, options = _in_schema(make_url(url), REPLICA_OPTIONS)
    engine = create_async_engine(
        address,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=REPLICA_POOL_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=options,
    )
    return Replica(primary, Database(engine, PostgresqlReader(engine, options)))


def _in_schema(address: URL, options: dict[str, Any]) -> tuple[URL, dict[str, Any]]:
    """Take the schema out of an address, which the driver would not know there, and put it into the options."""
    schema = address.query.get("schema")
    if schema is None:
        return address, options
    settings = options["server_settings"] | {"search_path": schema}
    return address.difference_update_query(["schema"]), options | {"server_settings": settings}
