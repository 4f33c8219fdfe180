"""The whole house with a plan that follows: what the Fake bills goes with the members, and ends when nobody pays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.billing import ProcessorName, Proration, Purchase, Status
from domain.billing.commands import SwapPlan
from domain.billing.intents import Operation, Order, open_intent
from domain.billing.processors.fake.models import Card
from domain.errors import UpstreamUnavailable
from domain.ids import CustomerId, SubscriptionId
from domain.organizations import Organization, UserRef
from domain.scope import Role, Scope, system
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.leaving import in_the_mirror, in_truth
from tests.support.tables import scalar, unchanged
from tests.support.wired import customer_of, fake_of, organization, user, wired

CATALOG = """
past_due_grace = "dunning"
dunning_terminal_action = "cancel"
[default]
limits = { seats = 1 }
[plans.team]
limits = { seats = "unlimited" }
price_ids = ["price_team", "price_team_yearly"]
seat_quantity = {}
"""
ATTEMPTS = "SELECT max(attempts) FROM billing_invoices WHERE outcome = 'failed'"
SWEPT = "SELECT count(*) FROM audit_events WHERE action = 'dunning.terminal_action_requested'"
TEAM = [Purchase(price_id="price_team", quantity=1)]


@pytest.fixture
async def services(database_url: str, clock: FixedClock, tmp_path: Path) -> AsyncIterator[Services]:
    (tmp_path / "following.toml").write_text(CATALOG)
    services = wired(database_url, clock, SEATGATE_CATALOG=str(tmp_path / "following.toml"))
    yield services
    await services.aclose()


@pytest.fixture
async def ann(services: Services) -> Scope:
    return await user(services, "ann")


@pytest.fixture
async def acme(services: Services, ann: Scope) -> Organization:
    return await organization(services, ann)


@pytest.fixture
async def payer(services: Services, acme: Organization) -> CustomerId:
    return await customer_of(services, acme)


async def buys(services: Services, clock: FixedClock, ann: Scope, payer: CustomerId) -> str:
    bought = await services.commands.subscribe(scope=ann, customer_id=payer, items=TEAM)
    await works(services, clock, seconds=20)
    return bought.subscription.id


async def works(services: Services, clock: FixedClock, **later: float) -> None:
    clock.forward(**later)
    while await services.worker.round():
        pass


async def joins(services: Services, acme: Organization, name: str) -> str:
    who = await user(services, name)
    assert who.user_id is not None
    ref = UserRef(id=who.user_id)
    async with services.database.transaction() as session:
        made = await services.members.add(
            session, scope=system("test"), organization_id=acme.id, who=ref, role=Role.MEMBER
        )
    return made.id


async def quantities(services: Services) -> list[int | None]:
    """Tell every quantity; the Fake and the mirror agree."""
    told = [item.quantity for state in await in_truth(services) for item in state.items]
    assert told == [item.quantity for state in await in_the_mirror(services) for item in state.items]
    return told


async def test_the_fakes_quantity_goes_with_the_members(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buys(services, clock, ann, payer)
    told = [await quantities(services)]

    memberships = [await joins(services, acme, name) for name in ("bob", "cid")]
    await works(services, clock, seconds=10)
    told.append(await quantities(services))
    async with services.database.transaction() as session:
        await services.members.remove(session, scope=ann, membership_id=memberships[0])
    await works(services, clock, seconds=10)
    told.append(await quantities(services))
    await works(services, clock, days=29, hours=23, minutes=30)
    told.append(await quantities(services))
    await works(services, clock, days=1)
    told.append(await quantities(services))

    assert told == [[1], [3], [3], [2], [2]]


async def test_a_swap_waits_for_a_quantity_that_is_being_changed(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    bought = await buys(services, clock, ann, payer)
    order = Order(
        operation=Operation.FOLLOW_SEATS,
        customer_id=payer,
        processor=ProcessorName.FAKE,
        request={},
        processor_time=clock.now(),
        subscription_id=SubscriptionId(bought),
    )
    async with services.database.transaction() as session:
        await open_intent(session, order, key="follow:1", scope=system("test"), now=clock.now(), own=True)
    swap = SwapPlan(subscription_id=bought, price_id="price_team_yearly", quantity=None, proration=Proration.NONE)

    async with unchanged(services.database):
        with pytest.raises(UpstreamUnavailable) as refused:
            await services.commands.do(swap, scope=ann)

    assert refused.value.retry_after_seconds == 5


async def test_attempts_that_the_fake_announces_are_waited_for_until_its_own_end(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buys(services, clock, ann, payer)
    account = await scalar(services.database, "SELECT processor_id FROM processor_accounts")
    await fake_of(services).set_card(account, Card.DECLINED)
    told = []

    for days in (31, 13.5, 1):
        await works(services, clock, days=days)
        told.append((await status(services), await scalar(services.database, ATTEMPTS)))

    assert told == [(Status.PAST_DUE, 1), (Status.PAST_DUE, 3), (Status.CANCELED, 4)]
    assert await scalar(services.database, SWEPT) == 0


async def test_what_nobody_tries_to_collect_any_more_ends_after_its_days(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buys(services, clock, ann, payer)
    subscription_id = await scalar(services.database, "SELECT processor_id FROM billing_subscriptions")
    # What is told in the second of a fetch counts as older than the fetch.
    clock.forward(seconds=2)
    await fake_of(services).set_status(subscription_id, Status.PAST_DUE)
    await works(services, clock, days=13, hours=23)
    before = await status(services)

    await works(services, clock, hours=2)

    assert (before, await status(services)) == (Status.PAST_DUE, Status.CANCELED)
    assert [state.status for state in await in_truth(services)] == [Status.CANCELED]
    assert await scalar(services.database, SWEPT) == 1


async def status(services: Services) -> Status:
    [state] = await in_the_mirror(services)
    return state.status
