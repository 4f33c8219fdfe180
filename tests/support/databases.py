"""A fresh, fully migrated database for each test, on either engine: copied from one that was migrated once."""

import asyncio
import itertools
import shutil
from pathlib import Path
from typing import Protocol

from domain.db import Database, migrating
from tests.support.postgres import Server

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

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = itertools.count()
        server.sql(f"CREATE DATABASE {TEMPLATE}")
        migrating.upgrade(server.url(TEMPLATE))

    def fresh(self, folder: Path, *, empty: bool = False) -> str:
        name = f"seatgate_{next(self._numbers)}"
        template = "template1" if empty else TEMPLATE
        self._server.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self._server.url(name)


async def let_threads_end(database: Database) -> None:
    """The driver's thread of a connection that failed still answers to the loop, which must not be closed by then."""
    await database.aclose()
    await asyncio.sleep(0.05)
