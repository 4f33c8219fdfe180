"""What tests of entitlements start from."""

import pytest

from domain.organizations import Organization
from domain.scope import Scope
from domain.wiring import Services
from tests.support.billing import linked
from tests.support.clock import FixedClock
from tests.support.wired import customer_of, organization, user


@pytest.fixture
async def ann(services: Services) -> Scope:
    return await user(services, "ann")


@pytest.fixture
async def acme(services: Services, ann: Scope, clock: FixedClock) -> Organization:
    """An organization whose account at the processor is `cus_1`."""
    made = await organization(services, ann)
    await linked(services.database, clock, await customer_of(services, made))
    return made
