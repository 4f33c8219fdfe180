"""What every test may ask for: both engines, a fresh database, a clock that stands still."""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from domain.db import Database, open_database
from tests.support import databases
from tests.support.clock import FixedClock
from tests.support.databases import Engine, PostgreSQL, Sqlite
from tests.support.dialects import remember_statements_together
from tests.support.memory import keep_files_in_memory

# They have an environment and a target of their own: `make test-browser`.
collect_ignore = ["browser"]
# The same examples every time, and no clock: a slow machine is no failure.
settings.register_profile("seatgate", deadline=None, derandomize=True, database=None)
settings.load_profile("seatgate")
keep_files_in_memory()
remember_statements_together()


def pytest_collection_finish() -> None:
    """Keep the collected tests and all modules out of every later collection of garbage, which they would slow down."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Sqlite:
    return Sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with databases.postgresql() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    found: Engine = request.getfixturevalue(request.param)
    yield found
    if isinstance(found, PostgreSQL):
        found.drop_used()


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
