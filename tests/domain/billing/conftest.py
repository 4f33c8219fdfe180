"""What tests of billing start from."""

from collections.abc import AsyncIterator

import pytest

from domain.db import Database
from domain.wiring import Services
from tests.support.billing import Mirror, customer, linked, mirror_of
from tests.support.clock import FixedClock
from tests.support.wired import wired


@pytest.fixture
async def mirror(database: Database, clock: FixedClock) -> Mirror:
    """A mirror whose one customer is linked to the account `cus_1`."""
    await linked(database, clock, (await customer(database, clock)).id)
    return mirror_of(database, clock)


@pytest.fixture
async def services(database_url: str, clock: FixedClock) -> AsyncIterator[Services]:
    services = wired(database_url, clock)
    yield services
    await services.aclose()
