"""What tests of commands start from."""

import pytest

from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.commanding import Account, account_of


@pytest.fixture
async def account(services: Services, clock: FixedClock) -> Account:
    return await account_of(services, clock)
