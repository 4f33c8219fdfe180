"""The whole house with a plan that follows the seats: a wrong quantity is told, and the seats' own sync mends it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.billing import Customer, DriftAccess, DriftKind, Proration
from domain.billing.processors import ItemChange
from domain.organizations import UserRef
from domain.scope import Role
from domain.wiring import Services
from tests.support.billing import subscriptions
from tests.support.clock import FixedClock
from tests.support.drifting import SCOPE, Shop, shop
from tests.support.leaving import in_the_mirror, in_truth
from tests.support.wired import user, wired

CATALOG = """
[default]
limits = { seats = 1 }
[plans.team]
limits = { seats = "unlimited" }
price_ids = ["price_team"]
seat_quantity = {}
"""


@pytest.fixture
async def services(database_url: str, clock: FixedClock, tmp_path: Path) -> AsyncIterator[Services]:
    (tmp_path / "following.toml").write_text(CATALOG)
    services = wired(database_url, clock, SEATGATE_CATALOG=str(tmp_path / "following.toml"))
    yield services
    await services.aclose()


@pytest.fixture
async def here(services: Services, clock: FixedClock) -> Shop:
    """A shop where two seats are held and paid for, and every wish has been seen to."""
    here = await shop(services, clock)
    await here.buy("price_team")
    await joins(here, "bob")
    await works(here)
    return here


async def joins(here: Shop, name: str) -> None:
    who = await user(here.services, name)
    assert who.user_id is not None
    async with here.database.transaction() as session:
        customer = await session.get_one(Customer, here.customer)
        assert customer.organization_id is not None
        await here.services.members.add(
            session,
            scope=SCOPE,
            organization_id=customer.organization_id,
            who=UserRef(id=who.user_id),
            role=Role.MEMBER,
        )


async def works(here: Shop) -> None:
    here.clock.forward(seconds=20)
    while await here.services.worker.round():
        pass


async def edit_unheard(here: Shop, quantity: int) -> str:
    """Let somebody change the quantity in the processor's dashboard, and lose the event that tells of it."""
    [row] = await subscriptions(here.database)
    [item] = row.current.items
    change = ItemChange(item_id=item.processor_id, price_id=item.price_id, quantity=quantity)
    await here.fake.change_item(row.processor_id, change, proration=Proration.NONE, key=f"edit {quantity}")
    await here.lose()
    return row.processor_id


async def quantities(here: Shop) -> tuple[list[int | None], list[int | None]]:
    """Tell the quantities at the processor and in the mirror."""
    truth, mirror = await in_truth(here.services), await in_the_mirror(here.services)
    return [item.quantity for each in truth for item in each.items], [
        item.quantity for each in mirror for item in each.items
    ]


async def test_a_quantity_that_follows_the_seats_is_no_drift(here: Shop) -> None:
    assert await here.reconcile() == []
    assert await quantities(here) == ([2], [2])


async def test_fewer_than_the_seats_are_told_and_the_seats_mend_it(here: Shop) -> None:
    bought = await edit_unheard(here, 1)
    here.clock.forward(minutes=10)

    drifts = await here.reconcile()
    told = {(drift.kind, drift.processor_id, drift.access, drift.healed_at is None) for drift in drifts}
    found = await quantities(here)
    # The first round notices the change, and by the second its debounce is over.
    await works(here)
    await works(here)

    assert told == {
        (DriftKind.MISSED_EVENT, bought, DriftAccess.UNCHANGED, False),
        (DriftKind.WRONG_QUANTITY, bought, DriftAccess.UNCHANGED, True),
    }
    assert (found, await quantities(here)) == (([1], [1]), ([2], [2]))
    assert await here.reconcile() == []


async def test_more_than_the_seats_are_right_until_the_next_period_where_the_policy_says_so(
    here: Shop,
) -> None:
    bought = await edit_unheard(here, 5)
    here.clock.forward(minutes=10)

    drifts = await here.reconcile()

    assert [(drift.kind, drift.processor_id) for drift in drifts] == [(DriftKind.MISSED_EVENT, bought)]
    assert await quantities(here) == ([5], [5])


async def test_who_only_asks_for_a_report_is_told_and_nothing_is_asked_of_the_processor(here: Shop) -> None:
    await edit_unheard(here, 1)
    here.clock.forward(minutes=10)

    drifts = await here.reconcile(report_only=True)

    assert DriftKind.WRONG_QUANTITY in {drift.kind for drift in drifts}
    assert {drift.healed_at for drift in drifts} == {None}
    assert await quantities(here) == ([1], [2])
