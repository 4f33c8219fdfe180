"""The quantity that is paid for follows the members: when, in how many calls, and when it does not."""

from datetime import timedelta

import pytest

from domain.billing.intents import Operation, Order, open_intent, settle
from domain.billing.processors import Capability, Label
from domain.billing.states import Proration
from domain.db import Database
from domain.scope import system
from tests.support.clock import FixedClock
from tests.support.following import FAKE, MONTH, Firm, firm
from tests.support.seating import CATALOG as UNFOLLOWED
from tests.support.tables import scalar

PRORATED, SILENT = Proration.CREATE_PRORATIONS, Proration.NONE


@pytest.fixture
async def acme(database: Database, clock: FixedClock) -> Firm:
    """An organization with its owner alone, that has bought one seat, and a worker with nothing to do."""
    made = await firm(database, clock)
    await made.buys()
    await made.works(seconds=20)
    return made


async def test_whoever_joins_is_paid_for_once_the_debounce_is_over(acme: Firm) -> None:
    await acme.joins("ann", "bob")
    await acme.works(seconds=9.999999)
    before = acme.register.asked("change_item")

    await acme.works(microseconds=1)

    assert before == []
    assert acme.register.asked("change_item") == [(3, PRORATED)]
    assert await acme.quantities() == (3, 3)
    followed = "SELECT organization_id FROM audit_events WHERE action = 'subscription.quantity_followed'"
    assert await scalar(acme.database, followed) == acme.organization.id


async def test_whoever_leaves_is_paid_for_until_shortly_before_the_period_ends(acme: Firm) -> None:
    await acme.joins("ann", "bob")
    await acme.works(seconds=10)
    await acme.leaves("ann", "bob")
    end = (await acme.row()).current.items[0].current_period_end
    assert end is not None
    await acme.works(seconds=(end - timedelta(hours=1, microseconds=1) - acme.clock.now()).total_seconds())
    before = acme.register.asked("change_item")

    await acme.works(microseconds=1)

    assert before == [(3, PRORATED)]
    assert acme.register.asked("change_item") == [(3, PRORATED), (1, SILENT)]
    assert await acme.quantities() == (1, 1)


async def test_a_place_that_is_taken_again_costs_nothing(acme: Firm) -> None:
    await acme.joins("ann")
    await acme.works(seconds=10)
    await acme.leaves("ann")
    await acme.works(days=3)
    await acme.joins("bob")

    await acme.works(days=26, hours=23, minutes=30)

    assert acme.register.asked("change_item") == [(2, PRORATED)]
    assert await acme.quantities() == (2, 2)
    assert await acme.waiting() == []


async def test_comings_and_goings_within_the_debounce_are_one_look_and_no_call(acme: Firm) -> None:
    await acme.joins("ann")
    await acme.leaves("ann")

    assert await acme.waiting() == [(acme.organization.id, 0)]
    await acme.works(seconds=10)
    assert acme.register.calls == []
    assert await acme.waiting() == []


async def test_a_plan_of_longer_patience_is_waited_for(database: Database, clock: FixedClock) -> None:
    acme = await firm(database, clock)
    await acme.buys("price_slow")
    await acme.works(seconds=20)
    await acme.joins("ann")

    await acme.works(seconds=59.999999)
    before = acme.register.calls.copy()
    await acme.works(microseconds=1)

    assert before == []
    assert acme.register.asked("change_item") == [(2, PRORATED)]


async def test_what_is_bought_after_people_have_joined_follows_them(database: Database, clock: FixedClock) -> None:
    acme = await firm(database, clock)
    await acme.joins("ann", "bob")
    await acme.works(seconds=20)

    await acme.buys()
    await acme.works()
    await acme.works(seconds=10)

    assert acme.register.asked("change_item") == [(3, PRORATED)]


async def test_a_quantity_that_other_hands_have_changed_is_put_right(acme: Firm) -> None:
    await acme.joins("ann")
    await acme.works(seconds=10)
    await acme.buys(quantity=1)

    await acme.works()
    await acme.works(seconds=10)

    assert acme.register.asked("change_item") == [(2, PRORATED), (2, PRORATED)]
    assert await acme.quantities() == (2, 2)


async def test_a_quantity_that_is_right_asks_nobody_and_leaves_nothing(acme: Firm) -> None:
    await acme.hear()
    await acme.works(seconds=10)

    assert acme.register.calls == []
    assert await scalar(acme.database, "SELECT count(*) FROM billing_intents") == 0


@pytest.mark.parametrize(("price", "quantity"), [("price_flat", 5), ("price_nowhere", 5), ("price_team", None)])
async def test_other_prices_and_metered_ones_are_left_alone(
    database: Database, clock: FixedClock, price: str, quantity: int | None
) -> None:
    acme = await firm(database, clock)
    await acme.buys(price, quantity=quantity)
    await acme.joins("ann")
    await acme.works(seconds=20)

    assert acme.register.calls == []
    assert await acme.waiting() == []


async def test_without_a_plan_that_follows_whoever_joins_leaves_no_wish(database: Database, clock: FixedClock) -> None:
    acme = await firm(database, clock, UNFOLLOWED)
    await acme.house.pay(acme.organization, seats=5)

    await acme.joins("ann")
    await acme.leaves("ann")

    assert await scalar(database, "SELECT count(*) FROM outbox_messages") == 0


async def test_an_invited_address_is_paid_for_when_it_has_become_a_member(acme: Firm) -> None:
    invited = await acme.house.invite(acme.organization, "ann@example.com", by=acme.owner)
    await acme.works(seconds=20)
    before = acme.register.calls.copy()
    ann = await acme.house.user("ann", email="ann@example.com")

    await acme.house.accept(invited.token, by=ann)
    await acme.works(seconds=20)

    assert before == []
    assert acme.register.asked("change_item") == [(2, PRORATED)]


async def test_a_processor_that_changes_no_quantities_is_not_asked(acme: Firm) -> None:
    able = acme.register.capabilities
    acme.register.capabilities = {**able, Capability.UPDATE_QUANTITY: Label.UNSUPPORTED}
    await acme.joins("ann")
    await acme.works(seconds=20)

    assert acme.register.calls == []
    assert await acme.waiting() == []


async def test_of_two_subscriptions_that_would_follow_neither_does(acme: Firm) -> None:
    await acme.buys(nth=2)
    await acme.joins("ann")
    await acme.works(seconds=20)

    assert acme.register.calls == []


async def test_nothing_follows_while_its_owner_goes(acme: Firm) -> None:
    await acme.joins("ann")
    await acme.house.database.run(
        lambda session: acme.house.standing.delete(session, scope=system("test"), organization_id=acme.organization.id)
    )
    await acme.works(seconds=20)

    assert acme.register.calls == []


async def test_another_command_on_its_way_is_waited_for(acme: Firm) -> None:
    row = await acme.row()
    order = Order(
        operation=Operation.SWAP_PLAN,
        customer_id=row.customer_id,
        processor=FAKE,
        request={},
        processor_time=acme.clock.now(),
        subscription_id=row.id,
    )
    async with acme.database.transaction() as session:
        await open_intent(session, order, key="sgi_swap", scope=system("test"), now=acme.clock.now())
    await acme.joins("ann")
    await acme.works(seconds=10)
    before = acme.register.calls.copy()

    async with acme.database.transaction() as session:
        await settle(session, "sgi_swap", now=acme.clock.now(), answer={})
    await acme.works(seconds=5)

    assert before == []
    assert acme.register.asked("change_item") == [(2, PRORATED)]


async def test_the_quantity_that_is_wanted_is_told_to_whoever_looks_for_drift(acme: Firm) -> None:
    async def wanted() -> int | None:
        row = await acme.row()
        async with acme.database.snapshot() as session:
            return await acme.following().wanted(session, row, row.current.items[0])

    alone = await wanted()
    await acme.joins("ann")
    waiting = await wanted()
    await acme.works(seconds=10)
    await acme.leaves("ann")
    await acme.works(seconds=10)
    paid_for = await wanted()
    await acme.works(days=29, hours=23, minutes=30)
    await acme.buys(quantity=5)
    by_hand = await wanted()
    acme.clock.forward(seconds=(MONTH - timedelta(minutes=30)).total_seconds())
    over_paid = await wanted()
    await acme.buys("price_flat", quantity=5)

    assert (alone, waiting, paid_for, by_hand, over_paid) == (1, 1, 2, 5, 1)
    assert await wanted() is None


async def test_every_price_of_the_plan_follows(acme: Firm) -> None:
    await acme.buys("price_yearly", quantity=1)
    await acme.joins("ann")
    await acme.works(seconds=10)

    assert await acme.quantities() == (2, 2)
