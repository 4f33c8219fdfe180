"""What tests of billing start from."""

import pytest

from domain.db import Database
from tests.support.billing import Mirror, customer, linked, mirror_of
from tests.support.clock import FixedClock


@pytest.fixture
async def mirror(database: Database, clock: FixedClock) -> Mirror:
    """A mirror whose one customer is linked to the account `cus_1`."""
    await linked(database, clock, (await customer(database, clock)).id)
    return mirror_of(database, clock)
