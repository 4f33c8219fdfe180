"""The application that the tests of the API ask: on SQLite, or on either engine where a write is at stake."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.support.api import CATALOG, Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Engine, Sqlite
from tests.support.inboxes import Inbox

Serve = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
def serve(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> Serve:
    """Serves a host of one's own: `serve(query=[…], callbacks=[…])`."""
    return partial(serving, sqlite.fresh(tmp_path), tmp_path, clock)


@pytest.fixture
async def api(serve: Serve) -> AsyncIterator[Api]:
    async with serve() as api:
        yield api


@pytest.fixture
async def either(database_url: str, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Api]:
    async with serving(database_url, tmp_path, clock) as api:
        yield api


@pytest.fixture
def here(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: FixedClock) -> Inbox:
    url = engine.fresh(tmp_path)
    (tmp_path / "catalog.toml").write_text(CATALOG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATGATE_DATABASE_URL", url)
    return Inbox(url, clock)
