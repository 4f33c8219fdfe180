"""What tests of observing start from."""

from collections.abc import AsyncIterator

import pytest

from tests.support import granting
from tests.support.clock import FixedClock
from tests.support.granting import House


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    made = granting.house(database_url, clock)
    yield made
    await made.services.aclose()
    await made.stripe.aclose()
