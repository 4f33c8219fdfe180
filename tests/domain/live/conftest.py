"""What tests of streams start from."""

import pytest

from domain.ids import CustomerId
from domain.organizations import Organization
from domain.wiring import Services
from tests.domain.entitlements.conftest import acme, ann
from tests.support.wired import customer_of

__all__ = ["acme", "ann"]


@pytest.fixture
async def payer(services: Services, acme: Organization) -> CustomerId:
    return await customer_of(services, acme)
