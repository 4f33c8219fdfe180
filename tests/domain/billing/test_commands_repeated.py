"""Commands to a processor with a key: claimed with the intent, finished with the outcome, freed when nothing came."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from domain.audit import AuditEvent
from domain.billing import Bought, Commands, Purchase
from domain.billing.intents import GIVEN_UP, MAX_ATTEMPTS, Intent, give_up
from domain.billing.states import ProcessorName, Status
from domain.db import Database
from domain.errors import (
    AlreadySubscribed,
    Forbidden,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    UpstreamUnavailable,
)
from domain.idempotency import Call, IdempotencyRecord
from domain.ids import CustomerId
from domain.organizations import Organization
from domain.scope import Scope
from domain.wiring import Services
from tests.support.billing import row_counts, subscription
from tests.support.clock import FixedClock
from tests.support.scripted import Scene, ScriptedProcessor
from tests.support.tables import execute, unchanged
from tests.support.wired import customer_of, fake_of, organization, user

TEAM = [Purchase(price_id="price_team_monthly", quantity=7)]
PRO = [Purchase(price_id="price_pro_monthly", quantity=1)]


@pytest.fixture
async def owner(services: Services) -> Scope:
    return await user(services, "ann")


@pytest.fixture
async def acme(services: Services, owner: Scope) -> Organization:
    return await organization(services, owner)


@pytest.fixture
async def payer(services: Services, acme: Organization) -> CustomerId:
    return await customer_of(services, acme)


@pytest.fixture
def processor(services: Services) -> ScriptedProcessor:
    return ScriptedProcessor(fake_of(services))


@pytest.fixture
def commands(services: Services, processor: ScriptedProcessor) -> Commands:
    return replace(services.commands, processors={ProcessorName.FAKE: processor})


def called(
    commands: Commands, scope: Scope, *, operation: str = "subscribe", key: str = "k", digest: str = "d"
) -> Call:
    return Call(actor_id=scope.actor.id, operation=operation, key=key, digest=digest, now=commands.clock.now())


async def buy(
    commands: Commands,
    owner: Scope,
    payer: CustomerId,
    *,
    items: Sequence[Purchase] = TEAM,
    key: str = "k",
    digest: str = "d",
) -> Bought:
    call = called(commands, owner, key=key, digest=digest)
    return await commands.subscribe(scope=owner, customer_id=payer, items=items, call=call)


async def record(database: Database) -> IdempotencyRecord | None:
    async with database.snapshot() as session:
        return (await session.execute(select(IdempotencyRecord))).scalar_one_or_none()


async def intents(database: Database) -> Sequence[Intent]:
    async with database.snapshot() as session:
        return (await session.execute(select(Intent).order_by(Intent.opened_at))).scalars().all()


async def test_the_answer_is_kept_with_the_outcome_and_given_again_without_asking_the_processor(
    commands: Commands, processor: ScriptedProcessor, owner: Scope, payer: CustomerId, database: Database
) -> None:
    first = await buy(commands, owner, payer)
    async with unchanged(database):
        second = await buy(commands, owner, payer)

    kept = await record(database)
    assert kept is not None
    assert kept.answer == {"subscription_id": first.subscription.id}
    assert (second.subscription.id, second.client_secret) == (first.subscription.id, None)
    assert [call for call, _ in processor.calls] == ["subscribe"]


async def test_every_audit_row_of_the_outcome_names_the_key(
    commands: Commands, owner: Scope, payer: CustomerId, database: Database
) -> None:
    bought = await buy(commands, owner, payer)

    async with database.snapshot() as session:
        query = select(AuditEvent.idempotency_key).where(AuditEvent.subject_id == bought.subscription.id)
        found = (await session.execute(query)).scalars().all()
    assert found == ["k", "k"]


async def test_a_secret_is_told_once(
    commands: Commands, owner: Scope, payer: CustomerId, processor: ScriptedProcessor
) -> None:
    processor.secret = "pi_secret"

    bought = [await buy(commands, owner, payer) for _ in range(2)]

    assert [one.client_secret for one in bought] == ["pi_secret", None]


@pytest.mark.parametrize("scene", [Scene.AWAY, Scene.LOSES])
async def test_while_the_outcome_is_unknown_twins_wait_and_the_worker_finishes_the_key(
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
        await buy(commands, owner, payer)

    async with unchanged(database):
        with pytest.raises(IdempotencyInProgress):
            await buy(commands, owner, payer)
        with pytest.raises(IdempotencyMismatch):
            await buy(commands, owner, payer, items=PRO, digest="other")
        with pytest.raises(AlreadySubscribed):
            await buy(commands, owner, payer, key="other")
    clock.forward(seconds=61)
    assert await commands.finish_open() == 1

    again = await buy(commands, owner, payer)
    assert again.subscription.id == (await subscription(database)).id
    assert len(await intents(database)) == 1


async def test_a_call_that_hangs_for_a_day_is_still_the_first_call(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    clock: FixedClock,
) -> None:
    processor.script = [Scene.AWAY]
    with pytest.raises(UpstreamUnavailable):
        await buy(commands, owner, payer)
    clock.forward(days=2)

    with pytest.raises(IdempotencyInProgress):
        await buy(commands, owner, payer)


async def test_what_the_processor_refuses_frees_the_key_for_any_input(
    commands: Commands, processor: ScriptedProcessor, owner: Scope, payer: CustomerId, database: Database
) -> None:
    processor.script = [Scene.REFUSES]

    with pytest.raises(InvalidInput):
        await buy(commands, owner, payer)
    freed = await record(database)
    bought = await buy(commands, owner, payer, items=PRO, digest="other")

    assert freed is None
    assert bought.subscription.current.items[0].price_id == "price_pro_monthly"


async def test_what_the_worker_hears_refused_frees_the_key(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
) -> None:
    processor.script = [Scene.AWAY, Scene.REFUSES]
    with pytest.raises(UpstreamUnavailable):
        await buy(commands, owner, payer)
    clock.forward(seconds=61)

    await commands.finish_open()

    assert await record(database) is None


async def test_what_is_given_up_frees_the_key(
    commands: Commands,
    processor: ScriptedProcessor,
    owner: Scope,
    payer: CustomerId,
    database: Database,
    clock: FixedClock,
) -> None:
    processor.script = [Scene.AWAY] * MAX_ATTEMPTS
    with pytest.raises(UpstreamUnavailable):
        await buy(commands, owner, payer)
    for _ in range(MAX_ATTEMPTS):
        clock.forward(hours=1)
        await commands.finish_open()

    [intent] = await intents(database)
    assert (intent.failure, await record(database)) == (GIVEN_UP, None)
    assert (await buy(commands, owner, payer)).subscription.status == Status.ACTIVE


async def test_an_outcome_that_is_known_keeps_its_answer_whoever_gives_up_later(
    commands: Commands, owner: Scope, payer: CustomerId, database: Database
) -> None:
    await buy(commands, owner, payer)
    [intent] = await intents(database)

    async with unchanged(database):
        await database.run(partial(give_up, key=intent.key, now=commands.clock.now(), failure="late"))


async def test_a_refusal_before_the_call_leaves_no_key(
    commands: Commands, processor: ScriptedProcessor, owner: Scope, payer: CustomerId, database: Database
) -> None:
    async with unchanged(database):
        with pytest.raises(InvalidInput):
            await buy(commands, owner, payer, items=[])
        with pytest.raises(NotFound):
            await buy(commands, owner, CustomerId("cst_unknown"))

    assert processor.calls == []


async def test_a_cancellation_is_given_again_even_when_its_instant_has_passed(
    commands: Commands, processor: ScriptedProcessor, owner: Scope, payer: CustomerId, clock: FixedClock
) -> None:
    bought = await buy(commands, owner, payer)
    clock.forward(seconds=2)
    at = clock.now() + timedelta(hours=1)

    async def cancel() -> Bought:
        return await commands.cancel(
            scope=owner,
            subscription_id=bought.subscription.id,
            at_period_end=True,
            at=at,
            call=called(commands, owner, operation="cancelSubscription"),
        )

    first = await cancel()
    clock.forward(hours=2)
    second = await cancel()

    assert first.subscription.id == second.subscription.id == bought.subscription.id
    assert second.subscription.current.cancel_at == at
    assert [call for call, _ in processor.calls] == ["subscribe", "cancel"]


@pytest.mark.parametrize(
    ("change", "refusal"), [("UPDATE memberships SET role = 'ADMIN'", Forbidden), ("DELETE FROM memberships", NotFound)]
)
async def test_the_answer_is_given_again_only_to_an_owner(
    commands: Commands, owner: Scope, payer: CustomerId, database: Database, change: str, refusal: type[Exception]
) -> None:
    await buy(commands, owner, payer)
    await execute(database, change)

    async with unchanged(database):
        with pytest.raises(refusal):
            await buy(commands, owner, payer)


async def test_without_a_key_each_call_is_its_own(
    commands: Commands, owner: Scope, payer: CustomerId, database: Database
) -> None:
    await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)

    with pytest.raises(AlreadySubscribed):
        await commands.subscribe(scope=owner, customer_id=payer, items=TEAM)
    assert await row_counts(database, ["idempotency_keys"]) == {"idempotency_keys": 0}
