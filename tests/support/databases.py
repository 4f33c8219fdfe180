"""A fresh, fully migrated database for each test, on either engine: copied from one that was migrated once."""

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
from sqlalchemy import make_url

from domain.db import Database, migrating
from tests.support.postgres import SWITCHES, Server, server

TEMPLATE = "seatgate_template"


class Engine(Protocol):
    """Hands out addresses of fresh databases."""

    name: str

    def fresh(self, folder: Path, *, empty: bool = False) -> str: ...


class Sqlite:
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        migrating.upgrade(f"sqlite+aiosqlite:///{self._template}")

    def fresh(self, folder: Path, *, empty: bool = False) -> str:
        target = folder / "seatgate.db"
        if not empty:
            shutil.copyfile(self._template, target)
        return f"sqlite+aiosqlite:///{target}"


class PostgreSQL:
    name = "postgresql"

    def __init__(self, server: Server, sql: Callable[[str], object]) -> None:
        self.sql = sql
        self._server = server
        self._numbers = itertools.count()
        self._used: list[str] = []
        sql(f"CREATE DATABASE {TEMPLATE}")
        migrating.upgrade(server.url(TEMPLATE))

    def fresh(self, folder: Path, *, empty: bool = False) -> str:
        name = f"seatgate_{next(self._numbers)}"
        template = "template1" if empty else TEMPLATE
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        self._used.append(name)
        return self._server.url(name)

    def copied(self, url: str) -> str:
        """Copy a database that nobody uses at the moment: its replica, as it will be once it falls behind."""
        name, source = f"seatgate_{next(self._numbers)}", make_url(url).database
        # Who has hung up just now may not be gone yet.
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'")
        self.sql(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
        self._used.append(name)
        return self._server.url(name)

    def drop_used(self) -> None:
        """Drop what has been handed out, because thousands of them fill a disk; who still listens keeps its own."""
        for name in self._used:
            with contextlib.suppress(asyncpg.ObjectInUseError):
                self.sql(f"DROP DATABASE IF EXISTS {name}")
        self._used.clear()


@contextlib.contextmanager
def postgresql(*, switches: str = SWITCHES) -> Iterator[PostgreSQL]:
    """Run a server for as long as the block lasts."""
    with server(switches=switches) as running, running.administrator() as sql:
        yield PostgreSQL(running, sql)


async def let_threads_end(database: Database) -> None:
    """The driver's thread of a connection that failed still answers to the loop, which must not be closed by then."""
    await database.aclose()
    await asyncio.sleep(0.05)
