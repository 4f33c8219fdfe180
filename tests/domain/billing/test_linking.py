"""An operator links what was made outside, and what waited for it is applied."""

import pytest

from domain.billing import Linking
from domain.billing.states import ProcessorName
from domain.db import Database
from domain.errors import InvalidInput, NotFound
from domain.scope import system
from tests.support.billing import FAKE, Mirror, customer, linked, mirror_of, subscription
from tests.support.clock import FixedClock
from tests.support.tables import dump, unchanged

SCOPE = system("test")


@pytest.fixture
def mirror(database: Database, clock: FixedClock) -> Mirror:
    return mirror_of(database, clock)


async def link(mirror: Mirror, customer_id: str, processor_id: str, processor: ProcessorName = FAKE) -> None:
    linking = Linking(clock=mirror.clock, processors=mirror.inbox.processors)
    async with mirror.database.transaction() as session:
        await linking.link(
            session, scope=SCOPE, customer_id=customer_id, processor=processor, processor_id=processor_id
        )


async def test_events_that_waited_are_applied(mirror: Mirror, database: Database, clock: FixedClock) -> None:
    made = await customer(database, clock)
    await mirror.post()

    await link(mirror, made.id, "cus_1")
    await mirror.inbox.retry_due()

    assert (await subscription(database)).customer_id == made.id
    assert any("customer.linked" in row for row in (await dump(database))["audit_events"])


async def test_linking_again_changes_nothing(mirror: Mirror, database: Database, clock: FixedClock) -> None:
    made = await customer(database, clock)
    await link(mirror, made.id, "cus_1")

    async with unchanged(database):
        await link(mirror, made.id, "cus_1")


@pytest.mark.parametrize("processor_id", ["", " ", "cus 1", "cus_\n", "c" * 256])
async def test_what_is_no_id_is_refused(
    mirror: Mirror, database: Database, clock: FixedClock, processor_id: str
) -> None:
    made = await customer(database, clock)

    async with unchanged(database):
        with pytest.raises(InvalidInput):
            await link(mirror, made.id, processor_id)


async def test_another_customers_account_and_a_second_account_are_refused(
    mirror: Mirror, database: Database, clock: FixedClock
) -> None:
    one, other = await customer(database, clock), await customer(database, clock, "org_2")
    await linked(database, clock, one.id)

    async with unchanged(database):
        with pytest.raises(InvalidInput):
            await link(mirror, other.id, "cus_1")
        with pytest.raises(InvalidInput):
            await link(mirror, one.id, "cus_2")


async def test_a_processor_that_is_not_here_and_a_customer_that_is_not_there_are_refused(
    mirror: Mirror, database: Database, clock: FixedClock
) -> None:
    made = await customer(database, clock)

    async with unchanged(database):
        with pytest.raises(InvalidInput):
            await link(mirror, made.id, "cus_1", ProcessorName.STRIPE)
        with pytest.raises(NotFound):
            await link(mirror, "cst_nobody", "cus_1")
