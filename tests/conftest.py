"""What every test may ask for: both engines, a fresh database, a clock that stands still."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from domain.db import Database, open_database
from tests.support import postgres
from tests.support.clock import FixedClock
from tests.support.databases import Engine, PostgreSQL, Sqlite

# The same examples every time, and no clock: a slow machine is no failure.
settings.register_profile("seatgate", deadline=None, derandomize=True, database=None)
settings.load_profile("seatgate")


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Sqlite:
    return Sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with postgres.server() as server:
        yield PostgreSQL(server)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def database_url(engine: Engine, tmp_path: Path) -> str:
    return engine.fresh(tmp_path)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url)
    yield database
    await database.aclose()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()
