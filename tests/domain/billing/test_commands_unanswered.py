"""Buying and cancelling when the processor does not answer: nothing is lost, and nothing is done twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from domain.audit import AuditEvent
from domain.billing import Commands, Purchase
from domain.billing.intents import Intent
from domain.billing.states import ProcessorName, Status
from domain.db import Database
from domain.errors import AlreadySubscribed, InvalidInput, UpstreamUnavailable
from domain.ids import CustomerId
from domain.scope import Scope
from domain.wiring import Services
from tests.support.billing import row_counts, subscription, subscriptions
from tests.support.clock import FixedClock
from tests.support.scripted import Scene, ScriptedProcessor
from tests.support.triggers import accept_inserts, refuse_inserts
from tests.support.wired import customer_of, fake_of, organization, user

TEAM = [Purchase(price_id="price_team_monthly", quantity=7)]
OUTCOME = ("processor_accounts", "billing_subscriptions", "subscription_facts")


@pytest.fixture
async def owner(services: Services) -> Scope:
    return await user(services, "ann")


@pytest.fixture
async def payer(services: Services, owner: Scope) -> CustomerId:
    return await customer_of(services, await organization(services, owner))


@pytest.fixture
def processor(services: Services) -> ScriptedProcessor:
    return ScriptedProcessor(fake_of(services))


@pytest.fixture
def commands(services: Services, processor: ScriptedProcessor) -> Commands:
    return replace(services.commands, processors={ProcessorName.FAKE: processor})


async def intents(database: Database) -> Sequence[Intent]:
    async with database.snapshot() as session:
        return (await session.execute(select(Intent).order_by(Intent.opened_at))).scalars().all()


async def told(database: Database, action: str) -> int:
    async with database.snapshot() as session:
        return len((await session.execute(select(AuditEvent.id).where(AuditEvent.action == action))).all())


@pytest.mark.parametrize("scene", [Scene.AWAY, Scene.LOSES])
async def test_without_an_answer_the_intent_stays_open_and_the_worker_finishes_it_with_the_same_key(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
    scene: Scene,
) -> None:
    processor.script = [scene]

    with pytest.raises(UpstreamUnavailable):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    [intent] = await intents(database)
    unfinished = await row_counts(database, OUTCOME)
    too_early = await commands.finish_open()
    clock.forward(seconds=61)
    in_time = await commands.finish_open()

    assert intent.settled_at is None
    # Whoever pays is known by then, so that there is where to look.
    assert unfinished == dict.fromkeys(OUTCOME, 0) | {"processor_accounts": 1}
    assert (too_early, in_time) == (0, 1)
    assert processor.calls == [("subscribe", intent.key)] * 2
    assert (await subscription(database)).status == Status.ACTIVE
    assert await row_counts(database, ["fake_subscriptions", *OUTCOME]) == dict.fromkeys(
        ["fake_subscriptions", *OUTCOME], 1
    )
    assert await told(database, "subscription.subscribe") == 1
    assert await commands.finish_open() == 0


async def test_an_error_that_nobody_expects_leaves_the_intent_to_the_worker(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
) -> None:
    processor.script = [Scene.BREAKS, Scene.BREAKS]

    with pytest.raises(RuntimeError):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    clock.forward(minutes=2)
    with pytest.raises(RuntimeError):
        await commands.finish_open()
    hot = await commands.finish_open()
    clock.forward(minutes=3)
    await commands.finish_open()

    assert hot == 0
    assert len({key for _, key in processor.calls}) == 1
    assert len(await subscriptions(database)) == 1


async def test_an_outcome_that_cannot_be_written_is_written_whole_later(
    commands: Commands, owner: Scope, payer: CustomerId, database: Database, clock: FixedClock
) -> None:
    await refuse_inserts(database, "audit_events")

    with pytest.raises(DBAPIError):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    half = await row_counts(database, OUTCOME)
    await accept_inserts(database, "audit_events")
    clock.forward(seconds=61)
    await commands.finish_open()

    assert half == dict.fromkeys(OUTCOME, 0) | {"processor_accounts": 1}
    assert await row_counts(database, ["fake_subscriptions", *OUTCOME]) == dict.fromkeys(
        ["fake_subscriptions", *OUTCOME], 1
    )


async def test_while_a_purchase_is_open_nothing_else_is_bought(
    commands: Commands, processor: ScriptedProcessor, owner: Scope, payer: CustomerId, database: Database
) -> None:
    processor.script = [Scene.AWAY]
    with pytest.raises(UpstreamUnavailable):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    before = await row_counts(database)

    for items in (TEAM, [Purchase(price_id="price_seat_pack", quantity=1)]):
        with pytest.raises(AlreadySubscribed) as refusal:
            await commands.subscribe(scope=owner, customer_id=payer, items=items)
        assert refusal.value.subscription_id is None

    assert await row_counts(database) == before


async def test_a_slow_answer_that_the_worker_has_overtaken_is_concluded_once(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
) -> None:
    processor.script = [Scene.HANGS]
    slow = asyncio.create_task(commands.subscribe(scope=owner, customer_id=payer, items=TEAM))
    await processor.hanging.wait()
    clock.forward(seconds=61)

    await commands.finish_open()
    processor.go_on.set()
    bought = await slow

    assert bought.subscription.id == (await subscription(database)).id
    assert await row_counts(database, OUTCOME) == dict.fromkeys(OUTCOME, 1)
    assert await told(database, "subscription.subscribe") == 1


async def test_a_caller_who_goes_away_takes_nothing_with_them(
    commands: Commands, processor: ScriptedProcessor, owner: Scope, payer: CustomerId, database: Database
) -> None:
    processor.script = [Scene.HANGS]
    caller = asyncio.create_task(commands.subscribe(scope=owner, customer_id=payer, items=TEAM))
    await processor.hanging.wait()

    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    processor.go_on.set()
    await asyncio.wait(commands.database._running)

    [intent] = await intents(database)
    assert (intent.settled_at is not None, intent.failure) == (True, None)
    assert len(await subscriptions(database)) == 1


@pytest.mark.parametrize("before", [[], [Scene.AWAY]])
async def test_a_no_is_final_and_leaves_nothing_but_the_settled_intent(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
    before: list[Scene],
) -> None:
    processor.script = [*before, Scene.REFUSES]

    with pytest.raises(UpstreamUnavailable if before else InvalidInput):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    clock.forward(seconds=61)
    await commands.finish_open()
    again = await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)

    assert [intent.failure for intent in await intents(database)] == ["ProcessorRefused", None]
    assert [row.id for row in await subscriptions(database)] == [again.subscription.id]


async def test_what_never_succeeds_is_given_up_after_twenty_attempts(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
) -> None:
    processor.script = [Scene.AWAY] * 20
    with pytest.raises(UpstreamUnavailable):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)

    waits = 0
    while (await intents(database))[0].settled_at is None:
        clock.forward(minutes=20)
        waits += await commands.finish_open()
    again = await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)

    [given_up, _] = await intents(database)
    assert (waits, given_up.attempts, given_up.failure) == (20, 20, "not there")
    assert [call for call, _ in processor.calls].count("subscribe") == 21
    assert again.subscription.status == Status.ACTIVE


async def test_what_nobody_has_come_back_to_for_a_day_is_looked_for_and_not_sent_again(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
) -> None:
    processor.script = [Scene.LOSES]
    with pytest.raises(UpstreamUnavailable):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    asked = list(processor.calls)
    clock.forward(hours=23)

    await commands.finish_open()

    [found] = await intents(database)
    assert (processor.calls, found.failure, found.settled_at) == (asked, None, clock.now())
    assert (await subscription(database)).status == Status.ACTIVE


@pytest.mark.parametrize("scene", [Scene.AWAY, Scene.LOSES])
async def test_a_cancellation_without_an_answer_is_finished_by_the_worker(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
    scene: Scene,
) -> None:
    bought = await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    clock.forward(seconds=2)
    processor.script = [scene]

    with pytest.raises(UpstreamUnavailable):
        await commands.cancel(scope=owner, subscription_id=bought.subscription.id, at_period_end=False, at=None)
    unknown = await subscription(database)
    clock.forward(seconds=61)
    await commands.finish_open()

    assert unknown.status == Status.ACTIVE
    assert (await subscription(database)).status == Status.CANCELED
    assert await told(database, "subscription.cancel") == 1
