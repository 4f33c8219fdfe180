"""Services of the test's own beside the servers, on the same database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain import settings
from domain.wiring import Services, build
from tests.support import arenas, callers


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    return callers.environ(database_url, catalog=arenas.CATALOG, folder=tmp_path)


@pytest.fixture
async def services(environ: dict[str, str], tmp_path: Path) -> AsyncIterator[Services]:
    services = build(settings.read(environ, folder=tmp_path))
    yield services
    await services.aclose()
