"""When an owner goes, subscriptions end with their periods, and at once when the time has come; or it comes back."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from domain.billing import BillingSubscription, Closing, Customer, Owner, OwnerKind, close_customer, reopen_customer
from domain.billing.closing import Deed, deed_for, done
from domain.billing.facts import FactSource
from domain.billing.processors.fake import Fault, FaultKind
from domain.billing.states import SubscriptionState
from domain.billing.subscriptions import SubscriptionFact
from domain.errors import NotFound, UpstreamUnavailable
from domain.ids import CustomerId
from domain.organizations import Organization
from domain.outbox import OutboxMessage
from domain.scope import Scope, system
from domain.wiring import Services
from domain.wiring.seams import SeatCallbacks
from tests.domain.billing.processors import stripe_json
from tests.support.clock import FixedClock
from tests.support.leaving import SEATS, TEAM, in_the_mirror, in_truth, time_passes
from tests.support.tables import scalar
from tests.support.wired import customer_of, fake_of, organization, user

FORTNIGHT = timedelta(days=14)
ADMINISTRATOR = system("test")


@pytest.fixture
async def ann(services: Services) -> Scope:
    return await user(services, "ann")


@pytest.fixture
async def acme(services: Services, ann: Scope) -> Organization:
    return await organization(services, ann)


@pytest.fixture
async def payer(services: Services, acme: Organization) -> CustomerId:
    return await customer_of(services, acme)


async def buy(services: Services, clock: FixedClock, ann: Scope, payer: CustomerId) -> str:
    bought = await services.commands.subscribe(scope=ann, customer_id=payer, items=TEAM)
    clock.forward(seconds=2)
    return bought.subscription.id


def seams(services: Services) -> SeatCallbacks:
    return SeatCallbacks(entitlements=services.entitlements, clock=services.clock, invitation_days=7)


async def close(services: Services, acme: Organization, until: datetime | None = None) -> None:
    """Do what deleting an organization does to its billing."""
    until = until or services.clock.now() + FORTNIGHT
    async with services.database.transaction() as session:
        organization = await session.get_one(Organization, acme.id)
        organization.deleted_at, organization.restorable_until = services.clock.now(), until
        await seams(services).after_delete_organization(session=session, organization=organization)


async def reopen(services: Services, acme: Organization) -> None:
    async with services.database.transaction() as session:
        organization = await session.get_one(Organization, acme.id)
        organization.deleted_at = organization.restorable_until = None
        await seams(services).after_restore_organization(session=session, organization=organization)


async def rounds(services: Services) -> None:
    while await services.worker.round():
        pass


async def endings(services: Services) -> list[tuple[bool, bool]]:
    """Tell of every subscription whether it ends with its period and whether it has ended; the Fake and we agree."""
    told = [(state.cancel_at_period_end, state.ended_at is not None) for state in await in_truth(services)]
    assert told == [(state.cancel_at_period_end, state.ended_at is not None) for state in await in_the_mirror(services)]
    return told


async def waiting(services: Services) -> int:
    return int(await scalar(services.database, "SELECT count(*) FROM outbox_messages WHERE topic = 'billing.closing'"))


async def test_it_ends_with_its_period_and_comes_back_with_its_owner(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)

    await close(services, acme)
    await rounds(services)
    closing = await endings(services)
    clock.forward(days=1)
    await reopen(services, acme)
    await rounds(services)

    assert closing == [(True, False)]
    assert await endings(services) == [(False, False)]
    assert (
        await scalar(services.database, "SELECT count(*) FROM billing_subscriptions WHERE closing_since IS NULL") == 1
    )


async def test_a_deleted_organization_stops_renewing_comes_back_and_goes_for_good(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    told = []

    for comes_back in (True, False):
        async with services.database.transaction() as session:
            await services.standing.delete(session, scope=ann, organization_id=acme.id)
        await rounds(services)
        told.append(await endings(services))
        clock.forward(days=1)
        if comes_back:
            async with services.database.transaction() as session:
                await services.standing.restore(session, scope=ann, organization_id=acme.id)
            await rounds(services)
            told.append(await endings(services))
            clock.forward(seconds=2)
    clock.forward(days=14)
    await rounds(services)

    assert told == [[(True, False)], [(False, False)], [(True, False)]]
    assert await endings(services) == [(True, True)]
    assert await scalar(services.database, "SELECT count(*) FROM organizations") == 0


async def test_when_the_owner_can_no_longer_come_back_it_ends_at_once(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    await close(services, acme)
    await rounds(services)

    clock.forward(days=14)
    await rounds(services)

    assert await endings(services) == [(True, True)]
    assert await waiting(services) == 0


async def test_an_end_that_somebody_wanted_stays_when_the_owner_comes_back(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    bought = await buy(services, clock, ann, payer)
    await services.commands.cancel(scope=ann, subscription_id=bought, at_period_end=True, at=None)
    clock.forward(seconds=2)

    await close(services, acme)
    await rounds(services)
    await reopen(services, acme)
    await rounds(services)

    assert await endings(services) == [(True, False)]


async def test_an_end_that_somebody_wants_meanwhile_is_not_taken_back(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    bought = await buy(services, clock, ann, payer)
    await close(services, acme)
    await rounds(services)
    clock.forward(seconds=2)

    await services.commands.cancel(scope=ADMINISTRATOR, subscription_id=bought, at_period_end=True, at=None)
    await reopen(services, acme)
    await rounds(services)

    assert await endings(services) == [(True, False)]


async def test_many_wishes_before_the_worker_comes_round_are_one(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)

    for _ in range(3):
        await close(services, acme)
        await reopen(services, acme)
    once = await waiting(services)
    await rounds(services)

    assert once == 1
    assert await endings(services) == [(False, False)]


@pytest.mark.parametrize("kind", [FaultKind.ERROR_500, FaultKind.ERROR_429, FaultKind.LOST_ANSWER, FaultKind.NOT_DONE])
@pytest.mark.parametrize("comes_back", [True, False])
async def test_whatever_the_processor_does_it_is_where_it_should_be_in_the_end(
    services: Services,
    clock: FixedClock,
    ann: Scope,
    acme: Organization,
    payer: CustomerId,
    kind: FaultKind,
    comes_back: bool,
) -> None:
    await buy(services, clock, ann, payer)
    fault = Fault(kind=kind, operation="cancel")
    fake_of(services).script([fault, fault, Fault(kind=kind, operation="resume")])

    await close(services, acme)
    await time_passes(services)
    closing = await endings(services)
    if comes_back:
        await reopen(services, acme)
        await time_passes(services)

    assert closing == [(True, False)]
    assert await endings(services) == [(not comes_back, False)]
    assert await waiting(services) == 0


async def test_who_comes_back_while_the_answer_is_under_way_has_it_taken_back(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    await close(services, acme)
    closing = Closing(commands=services.commands)
    times = {name: await processor.now() for name, processor in services.processors.items()}
    [task] = await services.database.run(lambda session: closing._tasks(payer, times, session))

    await reopen(services, acme)
    await rounds(services)
    clock.forward(seconds=2)
    await closing._do(task)
    await rounds(services)

    assert await endings(services) == [(False, False)]


async def test_a_repeated_answer_is_as_old_as_the_first_request(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    await rounds(services)
    clock.forward(minutes=1)
    fake = fake_of(services)
    fake.script([Fault(kind=FaultKind.LOST_ANSWER, operation="cancel")])
    await close(services, acme)
    first = clock.now()
    closing = Closing(commands=services.commands)
    with pytest.raises(UpstreamUnavailable):
        await closing.deliver({"customer_id": payer})
    clock.forward(minutes=5)

    await closing.deliver({"customer_id": payer})

    assert (await answers(services))[-1] == (first, first)
    assert await scalar(services.database, "SELECT count(*) FROM billing_intents WHERE settled_at IS NULL") == 0


async def test_what_was_asked_for_a_day_ago_is_asked_for_anew(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    await rounds(services)
    fake_of(services).script([Fault(kind=FaultKind.ERROR_500, operation="cancel")])
    await close(services, acme)
    closing = Closing(commands=services.commands)
    with pytest.raises(UpstreamUnavailable):
        await closing.deliver({"customer_id": payer})
    clock.forward(hours=23)

    await closing.deliver({"customer_id": payer})

    query = "SELECT count(DISTINCT key) FROM billing_intents WHERE operation = 'cancel'"
    assert await scalar(services.database, query) == 2
    assert await scalar(services.database, "SELECT count(*) FROM billing_intents WHERE failure = 'overtaken'") == 1
    assert (await answers(services))[-1] == (clock.now(), clock.now())
    assert await endings(services) == [(True, False)]


async def answers(services: Services) -> list[tuple[datetime, datetime]]:
    """Tell of every answer to a command when it was true and when it was asked for."""
    query = select(SubscriptionFact).where(SubscriptionFact.source == FactSource.COMMAND)
    async with services.database.snapshot() as session:
        rows = (await session.execute(query.order_by(SubscriptionFact.sequence))).scalars()
        return [(row.occurred_at, row.arrived_at) for row in rows]


async def test_what_appears_on_a_closed_customer_ends_too(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    fake = fake_of(services)
    fake.script([Fault(kind=FaultKind.LOST_ANSWER, operation="subscribe")])
    with pytest.raises(UpstreamUnavailable):
        await services.commands.subscribe(scope=ann, customer_id=payer, items=TEAM)

    await close(services, acme)
    await time_passes(services)

    assert await endings(services) == [(True, False)]


async def test_what_the_processor_does_not_know_any_more_has_ended(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    account = await scalar(services.database, "SELECT processor_id FROM processor_accounts")
    foreign = stripe_json.subscription(id="sub_elsewhere", customer=account)
    body = stripe_json.body(created=int(clock.now().timestamp()), data={"object": foreign})
    await services.inbox.receive(fake_of(services).name, body, fake_of(services).sign(body))
    clock.forward(seconds=2)

    await close(services, acme, clock.now())
    await rounds(services)

    assert [state.ended_at is not None for state in await in_the_mirror(services)] == [True, True]
    assert await waiting(services) == 0


async def test_what_the_processor_does_not_know_is_left_alone_while_the_owner_can_come_back(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    account = await scalar(services.database, "SELECT processor_id FROM processor_accounts")
    foreign = stripe_json.subscription(id="sub_elsewhere", customer=account)
    body = stripe_json.body(created=int(clock.now().timestamp()), data={"object": foreign})
    await services.inbox.receive(fake_of(services).name, body, fake_of(services).sign(body))
    clock.forward(seconds=2)

    await close(services, acme)
    await rounds(services)
    closing = sorted(state.cancel_at_period_end for state in await in_the_mirror(services))
    await reopen(services, acme)
    await rounds(services)

    assert closing == [False, True]
    assert await waiting(services) == 0
    assert not any(state.ended_at or state.cancel_at_period_end for state in await in_the_mirror(services))


async def test_of_another_mode_or_processor_it_is_tried_for_ever(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await buy(services, clock, ann, payer)
    async with services.database.transaction() as session:
        await session.execute(update(BillingSubscription).values(livemode=True))

    await close(services, acme, clock.now())
    await time_passes(services, 30)
    given_up = await scalar(services.database, "SELECT count(*) FROM outbox_messages WHERE due_at IS NULL")
    waits = await scalar(services.database, "SELECT count(*) FROM outbox_messages WHERE due_at IS NOT NULL")

    assert (given_up, waits) == (1, 1)


async def test_a_refused_deed_is_tried_again(
    services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    bought = await buy(services, clock, ann, payer)
    await close(services, acme)
    key = f"close:{bought}:1:{Deed.END_WITH_PERIOD}:0"
    await fake_of(services).resume(await scalar(services.database, "SELECT id FROM fake_subscriptions"), key=key)

    with pytest.raises(UpstreamUnavailable):
        await Closing(commands=services.commands).deliver({"customer_id": payer})
    clock.forward(seconds=2)
    await rounds(services)

    assert await endings(services) == [(True, False)]


class TestWhileClosing:
    async def test_nothing_is_granted_and_no_seat_given_not_even_the_default(
        self, services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
    ) -> None:
        await buy(services, clock, ann, payer)
        before = await services.entitlements.entitled(acme, "reports")
        await close(services, acme)

        async with services.database.snapshot() as session:
            limit = await services.entitlements.seat_limit(session, acme.id)
            customer = await session.get_one(Customer, payer)
            row = (await session.execute(select(BillingSubscription))).scalar_one()
        granted = [await services.entitlements.entitled(each, "reports") for each in (acme, customer, row)]
        quantity = await services.entitlements.entitlement_quantity(acme, "seats")
        told = (await services.entitlements.visible(services.customers(ADMINISTRATOR), [payer]))[payer]

        assert before
        assert (limit, granted, quantity) == (0, [False] * 3, 0)
        assert (told.quantity("seats"), told.decide("reports").granted, told.resolved.plans) == (0, False, frozenset())

        await reopen(services, acme)

        assert await services.entitlements.entitled(acme, "reports")

    async def test_nothing_can_be_bought_and_cancelling_stays_possible(
        self, services: Services, clock: FixedClock, ann: Scope, acme: Organization, payer: CustomerId
    ) -> None:
        bought = await buy(services, clock, ann, payer)
        await close(services, acme)

        with pytest.raises(NotFound):
            await services.commands.subscribe(scope=ann, customer_id=payer, items=SEATS)
        ended = await services.commands.cancel(
            scope=ADMINISTRATOR, subscription_id=bought, at_period_end=False, at=None
        )

        assert ended.subscription.current.ended_at is not None


async def test_a_wish_put_down_twice_waits_once_and_again_once_it_is_being_seen_to(
    services: Services, acme: Organization, payer: CustomerId
) -> None:
    owner, now = Owner(kind=OwnerKind.ORGANIZATION, id=acme.id), services.clock.now()
    async with services.database.transaction() as session:
        await close_customer(session, owner=owner, at=now, now=now)
        await reopen_customer(session, owner=owner, now=now)
    async with services.database.transaction() as session:
        (await session.execute(select(OutboxMessage))).scalar_one().attempts = 1
    async with services.database.transaction() as session:
        await close_customer(session, owner=owner, at=now, now=now)

    assert await waiting(services) == 2


NOW = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
LATER = NOW + timedelta(microseconds=1)
LIVE = SubscriptionState(status="active", items=())  # type: ignore[arg-type]  # the word of a status
ENDING = replace(LIVE, cancel_at_period_end=True)
DATED = replace(LIVE, cancel_at=LATER)
ENDED = replace(LIVE, ended_at=NOW)


@pytest.mark.parametrize(
    ("state", "closing_at", "ours", "deed"),
    [
        (ENDED, NOW, False, None),
        (ENDED, None, True, None),
        (LIVE, NOW, False, Deed.END),
        (ENDING, NOW, True, Deed.END),
        (DATED, NOW, False, Deed.END),
        (LIVE, LATER, False, Deed.END_WITH_PERIOD),
        (LIVE, LATER, True, Deed.END_WITH_PERIOD),
        (ENDING, LATER, False, None),
        (DATED, LATER, True, None),
        (LIVE, None, False, None),
        (LIVE, None, True, None),
        (ENDING, None, False, None),
        (ENDING, None, True, Deed.TAKE_BACK),
        (DATED, None, True, Deed.TAKE_BACK),
    ],
)
def test_what_is_to_be_done(
    state: SubscriptionState, closing_at: datetime | None, ours: bool, deed: Deed | None
) -> None:
    assert deed_for(state, closing_at=closing_at, ours=ours, now=NOW) is deed


@pytest.mark.parametrize(
    ("deed", "state", "is_done"),
    [
        (Deed.END, LIVE, False),
        (Deed.END, ENDING, False),
        (Deed.END, ENDED, True),
        (Deed.END_WITH_PERIOD, LIVE, False),
        (Deed.END_WITH_PERIOD, ENDING, True),
        (Deed.END_WITH_PERIOD, ENDED, True),
        (Deed.TAKE_BACK, LIVE, True),
        (Deed.TAKE_BACK, DATED, False),
        (Deed.TAKE_BACK, ENDED, True),
    ],
)
def test_what_an_answer_shows(deed: Deed, state: SubscriptionState, is_done: bool) -> None:
    assert done(deed, state) is is_done
