"""What SQLite needs to keep its promises: its settings, write locks taken first, and transactions that surely end."""

import asyncio
import contextlib
from typing import cast

import aiosqlite
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import AdaptedConnection, DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

# As long as PostgreSQL waits for a lock, so that five attempts end within a request's time.
BUSY_SECONDS = 2
PATIENCE_SECONDS = 0.05
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_SECONDS * 1000}
READING = "seatgate_reading"
"""The execution option of connections that only read."""


def prepare(engine: Engine) -> None:
    """Let an engine's connections take their settings, and its transactions begin and end as they must."""
    event.listen(engine, "connect", _connect)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "reset", _reset)
    event.listen(engine, "invalidate", _abandon)


def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own transaction handling begins too late and loses updates; the begin event takes its place.
    connection.isolation_level = None
    cursor = connection.cursor()
    for name, value in PRAGMAS.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.execute("PRAGMA trusted_schema = off")
    # Without this, REPLACE would delete rows past the triggers that keep them.
    cursor.execute("PRAGMA recursive_triggers = on")
    cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _reset(connection: DBAPIConnection, _: ConnectionPoolEntry, state: PoolResetState) -> None:
    # A commit that fails leaves SQLite's transaction open and the file locked, while the pool takes it for ended.
    if not state.terminate_only and cast("AdaptedConnection", connection).driver_connection.in_transaction:
        connection.rollback()


def _abandon(connection: DBAPIConnection, _: ConnectionPoolEntry, __: BaseException | None) -> None:
    # A cancelled statement runs on in the driver's thread, and closing its connection does not end the transaction
    # while a cursor is still referred to: the file would stay locked until the garbage is collected.
    cast("AdaptedConnection", connection).run_async(_end)


async def _end(driver: aiosqlite.Connection) -> None:
    ending = asyncio.ensure_future(driver.rollback())
    if not (await asyncio.wait([ending], timeout=PATIENCE_SECONDS))[0]:
        # Only now, because an interruption that meets no running statement would strike the rollback.
        await driver.interrupt()
    # The driver says ValueError of a connection that is closed already, which holds no lock.
    with contextlib.suppress(ValueError):
        await ending
