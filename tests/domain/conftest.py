"""What tests of the domain start from."""

from collections.abc import AsyncIterator

import pytest

from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.wired import wired


@pytest.fixture
async def services(database_url: str, clock: FixedClock) -> AsyncIterator[Services]:
    services = wired(database_url, clock)
    yield services
    await services.aclose()
