"""A customer who has bought nothing yet."""

import pytest

from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.drifting import Shop, shop


@pytest.fixture
async def here(services: Services, clock: FixedClock) -> Shop:
    return await shop(services, clock)
