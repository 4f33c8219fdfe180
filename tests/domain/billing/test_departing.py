"""Deleting people who pay, whatever the processor does meanwhile: never back without what they paid for, and never gone
while they are still billed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from domain.billing import BillingSubscription, Departing, lifecycle
from domain.billing.intents import Intent
from domain.billing.processors.fake import COMMAND_FAULTS, Fault, FaultKind
from domain.errors import InvalidInput, NotFound, Unauthenticated, UpstreamUnavailable
from domain.identity import Arrival, DeletionStatus
from domain.scope import Scope, system
from domain.settings import OnCancelFailure
from domain.wiring import Services
from tests.domain.billing.processors import stripe_json
from tests.support.clock import FixedClock
from tests.support.leaving import (
    SEATS,
    TEAM,
    audited,
    buys,
    deletion_row,
    in_the_mirror,
    in_truth,
    time_passes,
    user_row,
)
from tests.support.scripted import Scene, ScriptedProcessor
from tests.support.tables import scalar
from tests.support.triggers import accept_inserts, refuse_inserts
from tests.support.wired import customer_of, fake_of, user, wired

ADMINISTRATOR = system("test")
DONE, PENDING, ABORTED = DeletionStatus.DONE, DeletionStatus.PENDING, DeletionStatus.ABORTED
ABORT, PROCEED = OnCancelFailure.ABORT, OnCancelFailure.PROCEED


@pytest.fixture
async def services(request: pytest.FixtureRequest, database_url: str, clock: FixedClock) -> AsyncIterator[Services]:
    policy = getattr(request, "param", ABORT)
    made = wired(database_url, clock, SEATGATE_ON_CANCEL_FAILURE=policy)
    yield made
    await made.aclose()


@pytest.fixture
async def ann(services: Services) -> Scope:
    return await user(services, "ann")


async def delete(services: Services, scope: Scope, *, answer_seconds: float = 60) -> DeletionStatus:
    deletions = replace(services.deletions, answer_seconds=answer_seconds)
    return await deletions.delete(scope=scope, user_id=scope.actor.id)


async def quiet(services: Services) -> None:
    """Wait for what goes on behind an answer."""
    while services.database._running:
        await asyncio.wait(services.database._running)


async def open_intents(services: Services) -> list[Intent]:
    async with services.database.snapshot() as session:
        return list((await session.execute(select(Intent).where(Intent.settled_at.is_(None)))).scalars())


async def all_right(services: Services, scope: Scope) -> bool:
    """Say whether the user is gone and nothing is billed; otherwise they are back and everything goes on."""
    states = await in_truth(services)
    assert [state.status for state in await in_the_mirror(services)] == [state.status for state in states]
    assert await open_intents(services) == []
    row = await user_row(services, scope)
    if row is None:
        assert all(lifecycle.ended(state) for state in states)
        return True
    assert row.deleting_at is None
    assert not any(lifecycle.ended(state) for state in states)
    return False


async def test_what_a_user_pays_for_is_cancelled_before_they_go(services: Services, ann: Scope) -> None:
    await buys(services, ann, TEAM, SEATS)

    status = await delete(services, ann)

    assert status is DONE
    assert await all_right(services, ann)
    assert await audited(services, "subscription.cancel", "user.deleted") == [
        "subscription.cancel",
        "subscription.cancel",
        "user.deleted",
    ]
    kept = "SELECT count(*) FROM customers WHERE owner_id = :id AND closing_at IS NOT NULL"
    assert await scalar(services.database, kept, id=ann.actor.id) == 1
    assert (await deletion_row(services, ann)).person is None


async def test_who_has_nothing_live_needs_no_processor(services: Services, ann: Scope, clock: FixedClock) -> None:
    await buys(services, ann, TEAM)
    row = await scalar(services.database, "SELECT id FROM billing_subscriptions")
    await services.commands.cancel(scope=ann, subscription_id=row, at_period_end=False, at=None)
    clock.forward(seconds=2)
    fake_of(services).script([Fault(kind=FaultKind.ERROR_500)])

    assert await delete(services, ann) is DONE


@pytest.mark.parametrize(
    ("services", "kind", "at_once"),
    [
        (ABORT, FaultKind.ERROR_500, ABORTED),
        (ABORT, FaultKind.ERROR_429, ABORTED),
        (ABORT, FaultKind.NOT_DONE, ABORTED),
        (ABORT, FaultKind.LOST_ANSWER, DONE),
        (ABORT, FaultKind.HANG, PENDING),
        (PROCEED, FaultKind.ERROR_500, DONE),
        (PROCEED, FaultKind.ERROR_429, DONE),
        (PROCEED, FaultKind.NOT_DONE, DONE),
        (PROCEED, FaultKind.LOST_ANSWER, DONE),
        (PROCEED, FaultKind.HANG, DONE),
    ],
    indirect=["services"],
)
async def test_a_fault_at_the_first_cancellation_ends_as_the_policy_says(
    services: Services, ann: Scope, kind: FaultKind, at_once: DeletionStatus
) -> None:
    await buys(services, ann, TEAM, SEATS)
    fake_of(services).script([Fault(kind=kind, operation="cancel", seconds=5)])

    status = await delete(services, ann, answer_seconds=2.5 if kind is FaultKind.HANG else 60)
    await quiet(services)
    await time_passes(services)

    assert status is at_once
    assert await all_right(services, ann) is (at_once is not ABORTED)
    told = await audited(services, "user.deletion_aborted", "user.deleted")
    assert told == ["user.deletion_aborted" if at_once is ABORTED else "user.deleted"]
    assert (await deletion_row(services, ann)).person is None


@pytest.mark.parametrize("services", OnCancelFailure, indirect=True)
@pytest.mark.parametrize("kind", sorted(COMMAND_FAULTS))
async def test_once_a_cancellation_is_confirmed_there_is_no_way_back(
    services: Services, ann: Scope, kind: FaultKind
) -> None:
    await buys(services, ann, TEAM, SEATS)
    lost, second = (Fault(kind=each, operation="cancel", seconds=2) for each in (FaultKind.LOST_ANSWER, kind))
    fake_of(services).script([lost, second])

    await delete(services, ann, answer_seconds=0.5 if kind is FaultKind.HANG else 60)
    await quiet(services)
    await time_passes(services)

    assert await all_right(services, ann)
    assert "user.deletion_aborted" not in await audited(services)


@pytest.mark.parametrize("services", OnCancelFailure, indirect=True)
async def test_while_it_cannot_be_known_the_user_neither_comes_back_nor_is_forgotten(
    services: Services, ann: Scope
) -> None:
    await buys(services, ann, TEAM)
    lost = [Fault(kind=FaultKind.LOST_ANSWER, operation="cancel")]
    fake_of(services).script([*lost, Fault(kind=FaultKind.ERROR_500, operation="fetch")])

    status = await delete(services, ann)
    meanwhile = await user_row(services, ann)
    again = await services.deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id)
    await time_passes(services)

    if services.settings.on_cancel_failure is ABORT:
        assert (status, again) == (PENDING, PENDING)
        assert meanwhile is not None
        assert meanwhile.deleting_at is not None
    else:
        assert (status, again, meanwhile) == (DONE, DONE, None)
    assert await all_right(services, ann)
    assert await services.deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id) is DONE


async def test_a_silent_request_that_may_still_arrive_brings_nobody_back(services: Services, ann: Scope) -> None:
    await buys(services, ann, TEAM)
    fake_of(services).script([Fault(kind=FaultKind.HANG, operation="cancel", seconds=60)])
    impatient = replace(services.deletions, deed_seconds=0.3)

    status = await impatient.delete(scope=ann, user_id=ann.actor.id)
    [unheard] = await open_intents(services)
    await time_passes(services)

    assert status is PENDING
    assert await all_right(services, ann)
    assert unheard.key.endswith(await scalar(services.database, "SELECT id FROM fake_subscriptions"))


async def test_an_end_that_cannot_be_written_down_brings_nobody_back(
    services: Services, ann: Scope, clock: FixedClock
) -> None:
    await buys(services, ann, TEAM)
    await refuse_inserts(services.database, "subscription_facts")

    status = await delete(services, ann)
    await accept_inserts(services.database, "subscription_facts")
    clock.forward(seconds=2)
    await services.deletions.finish_due()

    assert status is PENDING
    assert await all_right(services, ann)


async def test_an_error_that_nobody_expects_brings_nobody_back_once_something_was_asked(
    services: Services, ann: Scope, clock: FixedClock
) -> None:
    await buys(services, ann, TEAM)
    processor = ScriptedProcessor(fake_of(services), Scene.BREAKS)
    commands = replace(services.commands, processors={processor.name: processor})
    hooks = (*services.deletions.hooks[:-1], Departing(commands))

    status = await replace(services.deletions, hooks=hooks).delete(scope=ann, user_id=ann.actor.id)
    clock.forward(seconds=2)
    await services.deletions.finish_due()

    assert status is PENDING
    assert await all_right(services, ann)


async def test_an_aborted_deletion_can_be_asked_for_again(services: Services, ann: Scope) -> None:
    await buys(services, ann, TEAM)
    fake_of(services).script([Fault(kind=FaultKind.ERROR_429, operation="cancel")])

    first = await delete(services, ann)
    back = await services.users.arrive(
        Arrival(issuer="test", subject="ann", email="ann@example.com", name="ann", issued_at=None)
    )
    second = await delete(services, ann)

    assert (first, second) == (ABORTED, DONE)
    assert back.id == ann.actor.id
    assert await all_right(services, ann)


async def test_a_subscription_that_the_processor_does_not_know_is_done(
    services: Services, ann: Scope, clock: FixedClock
) -> None:
    await buys(services, ann, TEAM)
    await time_passes(services, 1)
    account = await scalar(services.database, "SELECT processor_id FROM processor_accounts")
    body = stripe_json.body(
        created=int(clock.now().timestamp()),
        data={"object": stripe_json.subscription(id="sub_elsewhere", customer=account)},
    )
    await services.inbox.receive(fake_of(services).name, body, fake_of(services).sign(body))
    clock.forward(seconds=2)

    status = await delete(services, ann)

    assert status is DONE
    assert [lifecycle.ended(state) for state in await in_the_mirror(services)] == [True, True]


async def test_a_purchase_under_way_is_found_out_about_first(services: Services, ann: Scope, clock: FixedClock) -> None:
    fake_of(services).script([Fault(kind=FaultKind.LOST_ANSWER, operation="subscribe")])
    customer_id = await customer_of(services, ann)
    with pytest.raises(UpstreamUnavailable):
        await services.commands.subscribe(scope=ann, customer_id=customer_id, items=TEAM)
    clock.forward(seconds=2)

    status = await delete(services, ann)
    await time_passes(services)

    assert status is DONE
    assert await all_right(services, ann)


async def test_while_a_purchase_is_unknown_the_user_stays(services: Services, ann: Scope) -> None:
    lost = Fault(kind=FaultKind.LOST_ANSWER, operation="subscribe")
    fake_of(services).script([lost, lost, Fault(kind=FaultKind.ERROR_500, operation="find_purchase")])
    customer_id = await customer_of(services, ann)
    with pytest.raises(UpstreamUnavailable):
        await services.commands.subscribe(scope=ann, customer_id=customer_id, items=TEAM)

    status = await delete(services, ann)
    await time_passes(services)

    assert status is ABORTED
    assert not await all_right(services, ann)


async def test_a_purchase_that_was_refused_keeps_nobody(services: Services, ann: Scope) -> None:
    customer_id = await customer_of(services, ann)
    fake_of(services).script([Fault(kind=FaultKind.ERROR_500, operation="subscribe")])
    with pytest.raises(UpstreamUnavailable):
        await services.commands.subscribe(scope=ann, customer_id=customer_id, items=TEAM)
    key = (await open_intents(services))[0].key
    async with services.database.transaction() as session:
        intent = await session.get_one(Intent, key)
        intent.request = intent.request | {"items": []}

    assert await delete(services, ann) is DONE
    with pytest.raises(NotFound):
        await services.commands.subscribe(scope=ADMINISTRATOR, customer_id=customer_id, items=TEAM)


async def test_a_subscription_of_a_processor_that_is_not_here_keeps_the_user(services: Services, ann: Scope) -> None:
    await buys(services, ann, TEAM)
    async with services.database.transaction() as session:
        row = (await session.execute(select(BillingSubscription))).scalar_one()
        row.livemode = True

    assert await delete(services, ann) is ABORTED


async def test_who_is_being_deleted_cannot_buy(services: Services, ann: Scope) -> None:
    customer_id = await customer_of(services, ann)
    async with services.database.transaction() as session:
        await services.deletions.begin(session, scope=ann, user_id=ann.actor.id)

    for scope in (ann, ADMINISTRATOR):
        with pytest.raises(NotFound):
            await services.commands.subscribe(scope=scope, customer_id=customer_id, items=TEAM)
    with pytest.raises(Unauthenticated):
        await services.users.arrive(
            Arrival(issuer="test", subject="ann", email="ann@example.com", name="ann", issued_at=None)
        )
    with pytest.raises(InvalidInput):
        async with services.database.transaction() as session:
            await services.users.upsert(session, scope=ADMINISTRATOR, issuer="test", subject="ann")
