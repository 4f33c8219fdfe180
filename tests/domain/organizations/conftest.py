"""What tests of organizations start from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.db import open_database
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.seating import House, house


@pytest.fixture
async def sqlite_house(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> AsyncIterator[House]:
    """A house on SQLite alone, for rules that no database has a say in."""
    database = open_database(sqlite.fresh(tmp_path))
    yield house(database, clock)
    await database.aclose()
