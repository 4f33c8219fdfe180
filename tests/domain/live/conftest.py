"""What tests of streams start from."""

from collections.abc import AsyncIterator

import pytest

from domain.ids import CustomerId
from domain.live import Live
from domain.organizations import Organization
from domain.wiring import Services
from tests.domain.entitlements.conftest import acme, ann
from tests.support.hearing import lively
from tests.support.wired import customer_of

__all__ = ["acme", "ann"]


@pytest.fixture
async def payer(services: Services, acme: Organization) -> CustomerId:
    return await customer_of(services, acme)


@pytest.fixture
async def live(services: Services) -> AsyncIterator[Live]:
    """What tells of changes for no other reason than a hint, an instant that has come, or another catalog."""
    async with lively(services) as live:
        yield live
