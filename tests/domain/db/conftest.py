"""Two counters on either engine, and a SQLite file alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.db import Database, open_database
from tests.support.tables import execute


@pytest.fixture
async def counter(database: Database) -> Database:
    await execute(
        database,
        "CREATE TABLE counters (name varchar(10) PRIMARY KEY, n integer NOT NULL)",
        "INSERT INTO counters VALUES ('a', 0), ('b', 0)",
    )
    return database


@pytest.fixture
async def sqlite_file(alone: Path) -> AsyncIterator[Database]:
    database = open_database(f"sqlite+aiosqlite:///{alone}")
    yield database
    await database.aclose()


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    return tmp_path / "alone.db"
