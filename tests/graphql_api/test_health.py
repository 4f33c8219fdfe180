"""Alive and ready, and what is answered while the database is away or not migrated."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from domain.errors import ConfigError
from graphql_api.app import create_app
from tests.graphql_api.conftest import Serve
from tests.support.api import Api, make_settings, serving
from tests.support.clock import FixedClock
from tests.support.databases import Engine

NOWHERE = "postgresql+asyncpg://postgres@127.0.0.1:1/seatgate"


@contextlib.asynccontextmanager
async def started(url: str, folder: Path, clock: FixedClock) -> AsyncIterator[Api]:
    """Serve as after a start: the database has gone away since."""
    app = create_app(make_settings(url, folder), clock=clock)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://seatgate.example") as client:
        yield Api(app, client, clock)
    await app.state.services.aclose()


async def health(api: Api) -> list[tuple[int, object]]:
    answers = [await api.client.get(path) for path in ("/livez", "/readyz")]
    return [(answer.status_code, answer.json()) for answer in answers]


async def test_a_migrated_database_that_answers_is_ready(either: Api) -> None:
    assert await health(either) == [(200, {"ok": True}), (200, {"ok": True})]


async def test_readiness_waits_for_no_writer(either: Api) -> None:
    async with either.services.database.transaction() as session:
        await session.execute(text("DELETE FROM customers"))

        assert await health(either) == [(200, {"ok": True}), (200, {"ok": True})]


async def test_a_database_that_is_not_migrated_is_not_ready_and_keeps_the_application_from_starting(
    engine: Engine, tmp_path: Path, clock: FixedClock
) -> None:
    url = engine.fresh(tmp_path, empty=True)

    async with started(url, tmp_path, clock) as api:
        assert await health(api) == [(200, {"ok": True}), (503, {"ok": False})]
    with pytest.raises(ConfigError, match="SEATGATE_DATABASE_URL: not there, or not migrated"):
        async with serving(url, tmp_path, clock):
            pass


async def test_a_database_that_is_away_asks_everybody_to_come_back(tmp_path: Path, clock: FixedClock) -> None:
    async with started(NOWHERE, tmp_path, clock) as api:
        posted = await api.post_event()
        asked = await api.ask("{ viewer { administrator } }")
        public = await api.ask("{ serverInfo { version } }", None)
        healthy = await health(api)

    assert (posted.status_code, posted.json()) == (503, {"error": "unavailable"})
    assert (asked.response.status_code, asked.codes) == (503, ["UNAVAILABLE"])
    assert asked.body["errors"][0]["message"] == "The service cannot answer right now."
    assert public.data == {"serverInfo": {"version": "0.1.0"}}
    assert healthy == [(200, {"ok": True}), (503, {"ok": False})]


async def test_the_application_can_be_started_and_stopped_again(serve: Serve) -> None:
    for _ in range(2):
        async with serve() as api:
            await api.user("ann")
